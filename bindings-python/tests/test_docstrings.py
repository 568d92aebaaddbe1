"""Every example in a docstring and in the pages for Python runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest
import veribus

OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(veribus.__path__, "veribus.")
    if not found.name.rsplit(".", 1)[-1].startswith("_") and not found.name.startswith("veribus.integrations.django")
)


@pytest.mark.parametrize("name", ["veribus", *MODULES])
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=OPTIONS)
    assert failed == 0


def test_there_are_examples():
    assert doctest.testmod(veribus, optionflags=OPTIONS).attempted >= 3
