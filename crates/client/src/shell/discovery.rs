//! Where an app's servers are, for a client that was told one address only: `GET /easemob/server.json`, as the vendor's
//! SDKs ask with their DNS configuration on.

use conditions::{Condition, Operation};
use model::AppKey;
use serde_json::Value;

use super::Builder;
use super::builder::{rest_base, socket_of};
use super::http::Http;
use crate::core::{HttpRequest, Method};
use crate::{Error, Result};

/// Entries of a list that are looked at.
const HOSTS_LIMIT: usize = 64;

impl Builder {
    /// Asks the server at `rest_url` where the app's API and sockets are, and goes on with those. `socket_url` counts for
    /// nothing then.
    ///
    /// # Errors
    /// [`Condition::ServerConfigFailed`] when there is no answer, or none that can be used; what [`Builder::build`] has
    /// against the app key, the address and certificates.
    pub async fn discover(self) -> Result<Self> {
        let table = self.table;
        self.discovered().await.map_err(|error| error.in_table(table))
    }

    async fn discovered(mut self) -> Result<Self> {
        let app_key: AppKey = self.app_key.parse().map_err(|_| Error::new(Condition::AppKeyInvalid))?;
        rest_base(&self.rest_url, &app_key)?;
        let base = self.rest_url.trim_end_matches('/');
        let http = Http::new(base.to_owned(), self.trusted()?)?;
        let path = format!("/easemob/server.json?app_key={}", crate::core::percent(&self.app_key));
        let request = HttpRequest { method: Method::Get, path, token: None, body: bytes::Bytes::new() };
        let answer = http.carry(request).await.map_err(|broken| failed(broken.condition().meaning()))?;
        if answer.status != 200 {
            return Err(failed(&format!("HTTP {}", answer.status)));
        }
        let list: Value = serde_json::from_slice(&answer.body).map_err(|error| failed(&error.to_string()))?;
        let web = if base.starts_with("https") { "https" } else { "http" };
        let rest = host(&list["rest"], web).ok_or_else(|| failed("it names no API"))?;
        let sockets = ["msync-wx", "msync-ws"].iter().find_map(|name| host(&list[*name], web));
        let sockets = sockets.ok_or_else(|| failed("it names no socket"))?;
        self.rest_url = format!("{web}://{rest}");
        self.socket_url = socket_of(&format!("{web}://{sockets}"))?;
        Ok(self)
    }
}

/// `host:port` of the first entry of this scheme.
fn host(list: &Value, scheme: &str) -> Option<String> {
    let hosts = list["hosts"].as_array()?.iter().take(HOSTS_LIMIT);
    let mut fitting =
        hosts.filter(|host| host["protocol"].as_str().is_none_or(|protocol| protocol == scheme));
    fitting.find_map(|host| {
        let name = ["domain", "ip"]
            .into_iter()
            .find_map(|key| host[key].as_str().filter(|name| !name.is_empty()))?;
        let port = host["port"].as_u64().or_else(|| host["port"].as_str()?.parse().ok());
        Some(match port {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        })
    })
}

fn failed(why: &str) -> Error {
    Error::new(Condition::ServerConfigFailed)
        .with_operation(Operation::Login)
        .with_detail(crate::ids::shortened(why))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_host_of_the_right_scheme_counts() {
        let list = json!({ "hosts": [
            { "protocol": "https", "domain": "secure.example", "port": "443" },
            { "protocol": "http", "domain": "", "ip": "10.0.0.1", "port": "80" },
            { "protocol": "http", "domain": "plain.example", "port": 8080 },
        ] });
        assert_eq!(host(&list, "https").as_deref(), Some("secure.example:443"));
        assert_eq!(host(&list, "http").as_deref(), Some("10.0.0.1:80"));
        for nothing in [json!(null), json!({ "hosts": 7 }), json!({ "hosts": [{ "port": 1 }] })] {
            assert_eq!(host(&nothing, "http"), None, "{nothing}");
        }
        assert_eq!(host(&json!({ "hosts": [{ "domain": "h" }] }), "http").as_deref(), Some("h"));
    }
}
