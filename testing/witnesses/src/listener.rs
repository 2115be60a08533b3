//! Servers of others, as small as a witness needs them.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a free port of this machine until the run ends, and answers whatever is asked with this; `None`: never.
pub(crate) async fn says_always(said: Option<&'static str>) -> Result<SocketAddr> {
    says(said.map(|said| said.as_bytes().to_vec())).await
}

/// The same with JSON.
pub(crate) async fn answers_always(json: &str) -> Result<SocketAddr> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    says(Some(format!("{head}{}\r\n\r\n{json}", json.len()).into_bytes())).await
}

/// Listens likewise, and leads to a server at `http://HOST:PORT`; before each connection does so, this is done.
pub(crate) async fn leads_to<F: Future<Output = Result<()>> + Send>(
    server: &str,
    before: impl Fn() -> F + Send + 'static,
) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let server = server.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            before().await?;
            let mut onward = TcpStream::connect(&server).await?;
            // Whichever side ends it, it is over.
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut onward).await });
        }
        anyhow::Ok(())
    });
    Ok(address)
}

async fn says(said: Option<Vec<u8>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let said = said.clone();
            tokio::spawn(async move {
                // Requests of witnesses fit into one read; whoever asks more than once is answered each time.
                let mut request = vec![0; 64 << 10];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let Some(said) = &said else { continue };
                    if stream.write_all(said).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(address)
}
