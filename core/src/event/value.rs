//! Attribute values: open, typed, bounded.

use std::net::IpAddr;

use super::attributes::Attributes;
use super::text::Text;

/// A value of an [attribute](Attributes), owned.
///
/// Integers have one form each: what fits an `i64` is [`Value::I64`], only larger ones are [`Value::U64`]
/// (the `From` conversions and the decoders see to it), so equal numbers compare equal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// An integer from −2⁶³ to 2⁶³ − 1.
    I64(i64),
    /// An integer from 2⁶³ to 2⁶⁴ − 1.
    U64(u64),
    /// A finite number; never −0.
    F64(f64),
    /// UTF-8 text, at most 256 KiB.
    String(Text),
    /// Bytes, at most 256 KiB.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name, in order.
    Map(Attributes),
}

impl Value {
    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if this is one that fits an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::I64(n) => Some(*n),
            _ => None,
        }
    }

    /// The integer, if this is one that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::I64(n) => u64::try_from(*n).ok(),
            Value::U64(n) => Some(*n),
            _ => None,
        }
    }
}

impl From<u64> for Value {
    fn from(n: u64) -> Self {
        i64::try_from(n).map_or(Value::U64(n), Value::I64)
    }
}

impl From<f64> for Value {
    /// `−0.0` becomes `0.0`. NaN and infinities pass here and are refused when the event is checked.
    fn from(n: f64) -> Self {
        Value::F64(n + 0.0)
    }
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $make:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($v: $from) -> Self { $make }
        })*
    };
}

value_from! {
    bool => |v| Value::Bool(v),
    i64 => |v| Value::I64(v),
    i32 => |v| Value::I64(v.into()),
    u32 => |v| Value::I64(v.into()),
    u16 => |v| Value::I64(v.into()),
    &str => |v| Value::String(v.into()),
    String => |v| Value::String(v.into()),
    Text => |v| Value::String(v),
    Vec<u8> => |v| Value::Bytes(v),
    &[u8] => |v| Value::Bytes(v.to_vec()),
    Vec<Value> => |v| Value::List(v),
    Attributes => |v| Value::Map(v),
    IpAddr => |v| Value::String(v.to_string().into()),
}

/// A value of an attribute, borrowed: what a caller puts into an event without allocating.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// True or false.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A finite number.
    F64(f64),
    /// UTF-8 text, at most 256 KiB.
    Str(&'a str),
    /// Bytes, at most 256 KiB.
    Bytes(&'a [u8]),
    /// An address; becomes its text.
    Ip(IpAddr),
    /// Any value, lists and maps included.
    Value(&'a Value),
}

impl ValueRef<'_> {
    /// The owned value.
    pub fn to_value(&self) -> Value {
        match *self {
            ValueRef::Bool(v) => v.into(),
            ValueRef::I64(v) => v.into(),
            ValueRef::U64(v) => v.into(),
            ValueRef::F64(v) => v.into(),
            ValueRef::Str(v) => v.into(),
            ValueRef::Bytes(v) => v.into(),
            ValueRef::Ip(v) => v.into(),
            ValueRef::Value(v) => v.clone(),
        }
    }
}

macro_rules! value_ref_from {
    ($($from:ty => |$v:ident| $make:expr),* $(,)?) => {
        $(impl<'a> From<$from> for ValueRef<'a> {
            #[inline]
            fn from($v: $from) -> Self { $make }
        })*
    };
}

value_ref_from! {
    bool => |v| ValueRef::Bool(v),
    i64 => |v| ValueRef::I64(v),
    i32 => |v| ValueRef::I64(v.into()),
    u64 => |v| ValueRef::U64(v),
    u32 => |v| ValueRef::I64(v.into()),
    u16 => |v| ValueRef::I64(v.into()),
    f64 => |v| ValueRef::F64(v),
    &'a str => |v| ValueRef::Str(v),
    &'a String => |v| ValueRef::Str(v),
    &'a [u8] => |v| ValueRef::Bytes(v),
    IpAddr => |v| ValueRef::Ip(v),
    &'a Value => |v| ValueRef::Value(v),
}
