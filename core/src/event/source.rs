//! Where events come from: one description per bus, sent once per batch.

use super::text::Text;

/// The sender of a batch. Every field but `service` may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Source {
    /// Name of the service, for example `orders`.
    pub service: Text,
    /// Which of its running copies, for example a pod name.
    pub instance: Option<Text>,
    /// Host name.
    pub host: Option<Text>,
    /// `production`, `staging` …
    pub environment: Option<Text>,
    /// A name for the network, where several are collected.
    pub network: Option<Text>,
    /// Name of the SDK: `veribus-rust`, `veribus-python`, `veribus-node`.
    pub sdk: Option<Text>,
    /// Version of the SDK.
    pub sdk_version: Option<Text>,
}

impl Source {
    /// A source named `service`, with this SDK's name and version.
    pub fn new(service: &str) -> Self {
        Source {
            service: service.into(),
            sdk: Some("veribus-rust".into()),
            sdk_version: Some(env!("CARGO_PKG_VERSION").into()),
            ..Source::default()
        }
    }

    /// Field names and values in wire order; `service` first, absent ones left out.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        let optional = [
            ("instance", &self.instance),
            ("host", &self.host),
            ("environment", &self.environment),
            ("network", &self.network),
            ("sdk", &self.sdk),
            ("sdk_version", &self.sdk_version),
        ];
        std::iter::once(("service", &self.service))
            .chain(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))))
    }

    /// The changeable field of this name; `None` where there is no such field.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Option<Text>> {
        match name {
            "instance" => Some(&mut self.instance),
            "host" => Some(&mut self.host),
            "environment" => Some(&mut self.environment),
            "network" => Some(&mut self.network),
            "sdk" => Some(&mut self.sdk),
            "sdk_version" => Some(&mut self.sdk_version),
            _ => None,
        }
    }
}
