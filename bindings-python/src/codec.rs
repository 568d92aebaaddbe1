//! The wire: batches to bytes and back, for tools and for the conformance vectors.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use veribus_core::codec::Format;
use veribus_core::{Batch, CodecError, DecodedBatch};

use crate::error::{self, Kind};
use crate::event;

/// A decoded batch.
#[pyclass(name = "Batch", module = "veribus.codec", frozen)]
pub(crate) struct PyBatch(Mutex<Batch>);

#[pymethods]
impl PyBatch {
    #[getter]
    fn service(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).source.service.as_str().to_owned()
    }

    #[getter]
    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner).events.clone();
        let events = events.into_iter().map(|found| event::wrap(py, Arc::new(found), true));
        PyList::new(py, events.collect::<PyResult<Vec<_>>>()?)
    }
}

fn format(py: Python<'_>, name: &str) -> PyResult<Format> {
    match name {
        "json" => Ok(Format::Json),
        "msgpack" => Ok(Format::Msgpack),
        _ => Err(error::error(py, Kind::Config, "CFG_VALUE_RANGE", "`format` is \"json\" or \"msgpack\"")),
    }
}

/// Reads a batch of which every event is good.
#[pyfunction]
pub(crate) fn decode(py: Python<'_>, data: &[u8], format: &str) -> PyResult<PyBatch> {
    let read = match self::format(py, format)? {
        Format::Json => Batch::decode_json(data),
        _ => Batch::decode_msgpack(data),
    };
    read.map(|batch| PyBatch(Mutex::new(batch))).map_err(|found| error::codec(py, &found))
}

/// Reads a batch event by event: an event, or the error that it is.
#[pyfunction]
pub(crate) fn decode_each<'py>(py: Python<'py>, data: &[u8], format: &str) -> PyResult<Bound<'py, PyList>> {
    let read: Result<DecodedBatch, CodecError> = match self::format(py, format)? {
        Format::Json => Batch::decode_json_each(data),
        _ => Batch::decode_msgpack_each(data),
    };
    let batch = read.map_err(|found| error::codec(py, &found))?;
    let each = batch.events.into_iter().map(|found| match found {
        Ok(found) => event::wrap(py, Arc::new(found), true),
        Err(found) => Ok(error::codec(py, &found).into_value(py).into_any()),
    });
    PyList::new(py, each.collect::<PyResult<Vec<_>>>()?)
}

/// Writes a batch in its canonical form.
#[pyfunction]
pub(crate) fn encode<'py>(
    py: Python<'py>,
    batch: &Bound<'py, PyBatch>,
    format: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let batch = batch.get().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut out = Vec::new();
    let written = match self::format(py, format)? {
        Format::Json => batch.encode_json(&mut out),
        _ => batch.encode_msgpack(&mut out),
    };
    written.map_err(|found| error::codec(py, &found))?;
    Ok(PyBytes::new(py, &out))
}

/// Reads one event from a line of JSON.
#[pyfunction]
pub(crate) fn event_from_json(py: Python<'_>, line: &[u8]) -> PyResult<Py<PyAny>> {
    let found = veribus_core::codec::event_from_json(line).map_err(|found| error::codec(py, &found))?;
    event::wrap(py, Arc::new(found), true)
}
