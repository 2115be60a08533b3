//! Servers of others, as small as a witness needs them.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Listens on a free port of this machine and answers whatever is asked with this JSON, until the run ends.
pub(crate) async fn answers_always(json: &'static str) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Requests of witnesses fit into one read; whoever asks more than once is answered each time.
                let mut request = vec![0; 64 << 10];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}",
                        json.len()
                    );
                    if stream.write_all(format!("{head}\r\n\r\n{json}").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(address)
}
