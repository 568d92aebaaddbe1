#!/bin/bash
cd /tmp/cmain; export CARGO_TARGET_DIR=/root/.cache/veribus/target
exec "$@"
