//! Attribute values in and out: plain data of bounded size; whatever else is refused by its path and type.

use std::fmt::{self, Display};
use std::net::IpAddr;

use pyo3::exceptions::{PyOverflowError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple,
};
use veribus_core::event::limits::{DEPTH_MAX, VALUES_MAX};
use veribus_core::{Attributes, EventError, Text, Value};

use crate::error::{self, Kind};

/// Where a value stands: put into words only when something is wrong with it.
enum Path<'a> {
    Root(&'a str),
    Name(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root(name) => f.write_str(name),
            Path::Name(parent, name) => write!(f, "{parent}.{}", name.escape_debug()),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Classes of the standard library whose text says all of them.
const AS_TEXT: [(&str, &str); 12] = [
    ("uuid", "UUID"),
    ("datetime", "datetime"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("decimal", "Decimal"),
    ("ipaddress", "IPv4Address"),
    ("ipaddress", "IPv6Address"),
    ("ipaddress", "IPv4Network"),
    ("ipaddress", "IPv6Network"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
];

/// The UTF-8 of a string, borrowed; `path` names it in errors.
#[inline]
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>, path: &dyn Display) -> PyResult<&'a str> {
    match value.cast::<PyString>() {
        Ok(text) => text.to_str().map_err(|failure| not_text(text, path, failure)),
        Err(_) => Err(unsupported(value, path, "a string")),
    }
}

#[cold]
fn not_text(text: &Bound<'_, PyString>, path: &dyn Display, failure: PyErr) -> PyErr {
    let py = text.py();
    if !failure.is_instance_of::<PyUnicodeEncodeError>(py) {
        return failure;
    }
    let start: usize = failure.value(py).getattr("start").and_then(|n| n.extract()).unwrap_or(0);
    let before = text.call_method1("__getitem__", (pyo3::types::PySlice::new(py, 0, start as isize, 1),));
    let bytes = before.and_then(|before| before.call_method0("encode")).and_then(|bytes| bytes.len());
    error::event(py, &EventError::TextInvalid { field: path.to_string(), offset: bytes.unwrap_or(start) })
}

/// A value of a type that no event can hold.
#[cold]
pub(crate) fn unsupported(value: &Bound<'_, PyAny>, path: &dyn Display, wanted: &str) -> PyErr {
    let class = value.get_type().fully_qualified_name();
    let class = class.map_or_else(|_| "an object".to_owned(), |name| format!("`{name}`"));
    let message = format!("`{path}` is {class}; use {wanted}");
    error::error(value.py(), Kind::Event, "EVT_TYPE_UNSUPPORTED", message)
}

/// The attributes of a mapping, copied: what happens to it later does not touch the event.
pub(crate) fn attributes(value: &Bound<'_, PyAny>) -> PyResult<Attributes> {
    if value.cast::<PyDict>().is_err() && value.cast::<PyMapping>().is_err() {
        return Err(unsupported(value, &"attributes", "a mapping of names to values"));
    }
    Conversion { values: 0, open: Vec::new() }.map(value, &Path::Root("attributes"), 1)
}

/// One walk through a value of the caller's.
struct Conversion {
    values: usize,
    /// The containers that are being walked, by identity.
    open: Vec<usize>,
}

impl Conversion {
    fn count(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.values += 1;
        if self.values > VALUES_MAX {
            let (what, limit, actual) = ("attribute values", VALUES_MAX, self.values);
            return Err(error::event(value.py(), &EventError::TooManyFields { what, limit, actual }));
        }
        Ok(())
    }

    fn value(&mut self, value: &Bound<'_, PyAny>, path: &Path<'_>, depth: usize) -> PyResult<Value> {
        self.count(value)?;
        if value.cast::<PyString>().is_ok() {
            return Ok(text(value, path)?.into());
        }
        if let Ok(flag) = value.cast::<PyBool>() {
            return Ok(flag.is_true().into());
        }
        if value.cast::<PyInt>().is_ok() {
            return integer(value, path);
        }
        if let Ok(number) = value.cast::<PyFloat>() {
            return Ok(number.value().into());
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(bytes.as_bytes().into());
        }
        if let Ok(bytes) = value.cast::<PyByteArray>() {
            return Ok(bytes.to_vec().into());
        }
        if value.cast::<PyDict>().is_ok() {
            return self.map(value, path, depth + 1).map(Value::Map);
        }
        if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
            return self.list(value, path, depth);
        }
        self.object(value, path, depth)
    }

    /// Everything whose conversion runs code of the caller's.
    #[cold]
    fn object(&mut self, value: &Bound<'_, PyAny>, path: &Path<'_>, depth: usize) -> PyResult<Value> {
        let class = value.get_type();
        let name = class.name().and_then(|name| name.extract::<String>()).unwrap_or_default();
        let module = class.module().and_then(|name| name.extract::<String>()).unwrap_or_default();
        if AS_TEXT.contains(&(module.as_str(), name.as_str())) {
            let shown = value.str().map_err(|cause| conversion_failed(value, path, cause))?;
            return Ok(shown.to_str()?.into());
        }
        if value.cast::<PyMapping>().is_ok() {
            return self.map(value, path, depth + 1).map(Value::Map);
        }
        let wanted = "a string, a number, a boolean, bytes, a list or a mapping of these, and leave out what is `None`";
        Err(unsupported(value, path, wanted))
    }

    /// Notes a container as being walked; refuses one that holds itself or lies too deep.
    fn open(&mut self, value: &Bound<'_, PyAny>, path: &Path<'_>, depth: usize) -> PyResult<()> {
        let identity = value.as_ptr().addr();
        if self.open.contains(&identity) {
            let message = format!("`{path}` contains itself");
            return Err(error::error(value.py(), Kind::Event, "EVT_CYCLE", message));
        }
        if depth > DEPTH_MAX {
            let field = path.to_string().chars().take(64).collect();
            return Err(error::event(value.py(), &EventError::TooDeep { field, limit: DEPTH_MAX }));
        }
        self.open.push(identity);
        Ok(())
    }

    fn list(&mut self, value: &Bound<'_, PyAny>, path: &Path<'_>, depth: usize) -> PyResult<Value> {
        self.open(value, path, depth)?;
        // Taken out first: converting an item may run code that changes the list.
        let items: Vec<_> = match value.cast::<PyList>() {
            Ok(list) => list.iter().take(VALUES_MAX + 1).collect(),
            Err(_) => value.cast::<PyTuple>()?.iter().take(VALUES_MAX + 1).collect(),
        };
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            values.push(self.value(item, &Path::Item(path, index), depth + 1)?);
        }
        self.open.pop();
        Ok(Value::List(values))
    }

    fn map(&mut self, value: &Bound<'_, PyAny>, path: &Path<'_>, depth: usize) -> PyResult<Attributes> {
        if depth > 1 || !self.open.is_empty() {
            self.open(value, path, depth)?;
        } else {
            self.open.push(value.as_ptr().addr());
        }
        let mut attributes = Attributes::new();
        for (key, item) in pairs(value, path)? {
            let name = match key.cast::<PyString>() {
                Ok(_) => text(&key, path)?,
                Err(_) => return Err(unsupported(&key, &Path::Name(path, "(a name)"), "a string")),
            };
            let item = self.value(&item, &Path::Name(path, name), depth)?;
            if attributes.insert(name, item).is_some() {
                let field = name.chars().take(64).collect();
                return Err(error::event(key.py(), &EventError::FieldDuplicate { field }));
            }
        }
        self.open.pop();
        Ok(attributes)
    }
}

/// The pairs of a mapping, taken out before any of them is converted.
fn pairs<'py>(
    value: &Bound<'py, PyAny>,
    path: &dyn Display,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    if let Ok(dict) = value.cast::<PyDict>() {
        return Ok(dict.iter().take(VALUES_MAX + 1).collect());
    }
    let failed = |cause| conversion_failed(value, path, cause);
    let items = value.call_method0("items").map_err(failed)?;
    let mut pairs = Vec::new();
    for pair in items.try_iter().map_err(failed)?.take(VALUES_MAX + 1) {
        pairs.push(pair.and_then(|pair| pair.extract()).map_err(failed)?);
    }
    Ok(pairs)
}

#[cold]
fn conversion_failed(value: &Bound<'_, PyAny>, path: &dyn Display, cause: PyErr) -> PyErr {
    let py = value.py();
    let message = format!("`{path}` could not be converted: {cause}");
    let made = error::error(py, Kind::Event, "EVT_CONVERSION_FAILED", message);
    made.set_cause(py, Some(cause));
    made
}

fn integer(value: &Bound<'_, PyAny>, path: &dyn Display) -> PyResult<Value> {
    if let Ok(number) = value.extract::<i64>() {
        return Ok(number.into());
    }
    unsigned(value, path).map(Value::from)
}

/// An integer of 0 to 2⁶⁴ − 1.
pub(crate) fn unsigned(value: &Bound<'_, PyAny>, path: &dyn Display) -> PyResult<u64> {
    if value.cast::<PyInt>().is_err() {
        return Err(unsupported(value, path, "an integer"));
    }
    value.extract::<u64>().map_err(|failure| {
        if !failure.is_instance_of::<PyOverflowError>(value.py()) {
            return failure;
        }
        let allowed = "attributes take −2^63 to 2^64 − 1, counts nothing below 0";
        error::event(value.py(), &EventError::NumberRange { field: path.to_string(), allowed })
    })
}

/// An address, from its text or from `ipaddress`.
pub(crate) fn address(value: &Bound<'_, PyAny>, path: &dyn Display) -> PyResult<IpAddr> {
    let shown;
    let given = if value.cast::<PyString>().is_ok() {
        text(value, path)?
    } else {
        shown = value.str()?;
        shown.to_str()?
    };
    given.parse().map_err(|_| {
        let shown: String = given.chars().take(64).collect();
        let message = format!("`{path}` is `{}`, which is no IP address", shown.escape_debug());
        error::error(value.py(), Kind::Event, "EVT_FIELD_TYPE", message)
    })
}

/// A value for Python to own.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::I64(number) => number.into_pyobject(py)?.into_any(),
        Value::U64(number) => number.into_pyobject(py)?.into_any(),
        Value::F64(number) => PyFloat::new(py, *number).into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::List(values) => {
            let items = values.iter().map(|value| to_python(py, value)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Map(pairs) => dict(py, pairs)?.into_any(),
        _ => py.None().into_bound(py),
    })
}

/// Attributes as a dict of Python's own.
pub(crate) fn dict<'py>(py: Python<'py>, attributes: &Attributes) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in attributes.iter() {
        dict.set_item(name, to_python(py, value)?)?;
    }
    Ok(dict)
}

/// A text for an event to own.
#[inline]
pub(crate) fn owned(value: &Bound<'_, PyAny>, path: &dyn Display) -> PyResult<Text> {
    text(value, path).map(Text::from)
}
