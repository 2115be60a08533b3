//! From the configuration to the options of the adapters, which read no configuration themselves.

use std::net::SocketAddr;
use std::thread;

use app::{Clock as _, PasswordSettings, Pepper, SystemClock};
use easemob::rest;
use gateway::{RegistryLimits, TlsFiles};

use crate::Config;
use crate::config::DatabaseUrl;
use crate::folder::FILES;

pub(crate) fn gateway_options(config: &Config) -> gateway::Options {
    let limits = &config.limits;
    gateway::Options {
        websocket_paths: config.http.websocket_paths.0.clone(),
        trusted_proxies: config.http.trusted_proxies.0.clone(),
        header_limit: limits.header.0,
        handshake_limit: limits.handshake.0,
        handshakes_in_flight_limit: limits.handshakes,
        request_limit: limits.request.0,
        upload_limit: limits.upload.0,
        backlog: config.http.backlog,
        polled_connections_limit: limits.polled_connections,
        polled_address_connections_limit: limits.polled_address_connections,
        message_bytes_limit: limits.message.length(),
        write_buffer_bytes_limit: limits.write_buffer.length(),
        write_stall_limit: limits.write_stall.0,
        idle_limit: limits.idle.0,
        login_limit: limits.login.0,
        tls_check_every: config.tls.check_every.0,
        ..gateway::Options::new(gateway::Clock::new(|| SystemClock.now()))
    }
}

pub(crate) fn registry_limits(config: &Config) -> RegistryLimits {
    RegistryLimits {
        user_connections: config.limits.user_connections,
        address_connections: config.limits.address_connections,
    }
}

/// `tcp_port`: where native SDKs are served, if they are.
pub(crate) fn rest_options(config: &Config, tcp_port: Option<u16>) -> rest::Options {
    let public_address = config.tcp.public_address.clone().map(|address| address.0);
    rest::Options {
        public_origin: config.http.public_origin.clone().map(|origin| origin.0),
        tcp: tcp_port.map(|port| rest::TcpPort { port, public_address }),
        tls: config.tls.certificate.is_some(),
        body_bytes_limit: config.limits.body.length(),
        ..rest::Options::default()
    }
}

pub(crate) fn jmessage_options(config: &Config) -> jmessage::rest::Options {
    jmessage::rest::Options {
        body_bytes_limit: config.limits.body.length(),
        public_origin: config.http.public_origin.as_ref().map(|origin| origin.0.to_string()),
        tls: config.tls.certificate.is_some(),
        ..jmessage::rest::Options::default()
    }
}

/// Where clients reach this server, for the URLs of files in messages: as the operator says, else `address`.
pub(crate) fn origin(config: &Config, address: SocketAddr) -> String {
    match &config.http.public_origin {
        Some(origin) => origin.0.to_string(),
        None => {
            let scheme = if config.tls.certificate.is_some() { "https" } else { "http" };
            format!("{scheme}://{address}")
        }
    }
}

/// `None`: plain HTTP.
pub(crate) fn tls_files(config: &Config) -> Option<TlsFiles> {
    let certificate = config.tls.certificate.clone()?;
    Some(TlsFiles { certificate, key: config.tls.key.clone()? })
}

pub(crate) fn fjall_options(config: &Config, accept_data_loss: bool) -> kv_fjall::Options {
    let storage = &config.storage;
    kv_fjall::Options {
        cache_bytes: storage.cache.0,
        free_bytes_floor: storage.free_space_floor.map(|floor| floor.0),
        queue_jobs_limit: storage.queue_jobs,
        queue_bytes_limit: storage.queue_bytes.length(),
        readers_limit: storage.readers,
        accept_data_loss,
        ..kv_fjall::Options::new(&config.data)
    }
}

pub(crate) fn files_folder(config: &Config) -> blobs::FolderOptions {
    blobs::FolderOptions {
        path: config.files.folder.clone().unwrap_or_else(|| config.data.join(FILES)),
        free_bytes_floor: config.storage.free_space_floor.map(|floor| floor.0),
    }
}

/// What is missing was refused with the configuration.
pub(crate) fn files_bucket(config: &Config) -> blobs::BucketOptions {
    let files = &config.files;
    blobs::BucketOptions {
        bucket: files.s3_bucket.clone().unwrap_or_default(),
        region: files.s3_region.clone(),
        endpoint: files.s3_endpoint.clone(),
        access_key: files.s3_access_key.clone().unwrap_or_default(),
        secret_key: files.s3_secret_key.as_ref().map(|secret| secret.0.clone()).unwrap_or_default(),
        prefix: files.s3_prefix.clone(),
    }
}

/// `url` is the configured one.
pub(crate) fn postgres_options(config: &Config, url: &DatabaseUrl) -> kv_postgres::Options {
    let storage = &config.storage;
    kv_postgres::Options {
        readers: storage.readers,
        queue_jobs: storage.queue_jobs,
        queue_bytes: storage.queue_bytes.length(),
        ..kv_postgres::Options::new(&url.0)
    }
}

pub(crate) fn password_settings(config: &Config, pepper: Pepper) -> PasswordSettings {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // The other half is for messages, also while everybody logs in.
    let half = cores.div_ceil(2);
    PasswordSettings {
        memory_kib: u32::try_from(config.passwords.memory.0 >> 10).unwrap_or(u32::MAX),
        passes: config.passwords.passes,
        ..PasswordSettings::new(pepper, config.passwords.parallel.unwrap_or(half))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The defaults stand in two places: beside what they bound, and in the file that operators see.
    #[test]
    fn without_a_configuration_every_adapter_has_its_own_defaults() {
        let config = Config::default();
        let gateway = gateway::Options::new(gateway::Clock::new(|| SystemClock.now()));
        assert_eq!(format!("{:?}", gateway_options(&config)), format!("{gateway:?}"));
        assert_eq!(format!("{:?}", registry_limits(&config)), format!("{:?}", RegistryLimits::default()));
        assert_eq!(format!("{:?}", rest_options(&config, None)), format!("{:?}", rest::Options::default()));
        let jmessage = jmessage::rest::Options::default();
        assert_eq!(format!("{:?}", jmessage_options(&config)), format!("{jmessage:?}"));
        let fjall = kv_fjall::Options::new("./kith-data");
        assert_eq!(format!("{:?}", fjall_options(&config, false)), format!("{fjall:?}"));
        let passwords = PasswordSettings::new(Pepper([0; 32]), 3);
        let mut configured = password_settings(&config, Pepper([0; 32]));
        configured.parallel = 3;
        assert_eq!(format!("{configured:?}"), format!("{passwords:?}"));
        assert!(tls_files(&config).is_none());
    }
}
