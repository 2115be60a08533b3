//! Files of pages, over the HTTP service (jmessage.md 2.6).

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::json;

use super::Witness;
use super::bench::Bench;

pub(super) const WITNESSES: &[Witness] = &[
    Witness {
        codes: &[898_007],
        sees: "401 898007 Missing authen info [credentials_missing]",
        run: |bench, cause| {
            let token = token(bench);
            post(bench, Some(token.as_str()).filter(|_| !cause), &bench.house.appkey(), 5)
        },
    },
    Witness {
        codes: &[898_008],
        sees: "401 898008 Basic authentication failed. [credentials_wrong]",
        run: |bench, cause| {
            let token = token(bench) + if cause { "0" } else { "" };
            post(bench, Some(&token), &bench.house.appkey(), 5)
        },
    },
    Witness {
        codes: &[898_009],
        sees: "401 898009 appkey not exists [app_not_found]",
        run: |bench, cause| {
            let appkey = if cause { "0".repeat(24) } else { bench.house.appkey() };
            post(bench, Some(&token(bench)), &appkey, 5)
        },
    },
    Witness {
        codes: &[898_010],
        sees: "401 898010 Token expired [token_expired]",
        run: |bench, cause| {
            let token = token(bench);
            bench.house.pass(Duration::from_secs(if cause { 601 } else { 599 }));
            post(bench, Some(&token), &bench.house.appkey(), 5)
        },
    },
    Witness {
        // The SDK reads the second where it reads the first.
        codes: &[898_061, 880_210],
        sees: "413 898061 upload file too large [file_too_large]",
        run: |bench, cause| {
            let bytes = (8 << 20) + usize::from(cause);
            post(bench, Some(&token(bench)), &bench.house.appkey(), bytes)
        },
    },
];

/// What anna's page may upload a file with.
fn token(bench: &Bench) -> String {
    let answer = bench.log_in("anna").ask("get_upload_token", json!({})).is(0);
    answer["uptoken"].as_str().unwrap().to_owned()
}

/// anna's page uploads a file of so many bytes.
fn post(bench: &Bench, token: Option<&str>, appkey: &str, bytes: usize) -> String {
    let head = "--XyZ\r\ncontent-disposition: form-data; name=\"file\"; filename=\"note.txt\"\r\n\
                content-type: text/plain\r\n\r\n";
    let body = [head.as_bytes(), &vec![b'x'; bytes], b"\r\n--XyZ--\r\n"].concat();
    let mut request = Request::builder().method("POST").uri("/resource?type=file");
    request = request.header("x-app-key", appkey).header("jm-channel", "w");
    request = request.header("content-type", "multipart/form-data; boundary=XyZ");
    if let Some(token) = token {
        request =
            request.header("authorization", format!("Basic {}", STANDARD.encode(format!("anna:{token}"))));
    }
    bench.send(request.body(Body::from(body)).unwrap())
}
