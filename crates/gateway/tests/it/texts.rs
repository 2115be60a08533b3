//! Sessions of a second protocol, which speaks text, on paths of its own.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::harness::{Server, server, within};

async fn connect(server: &Server) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut client = within(client_async("ws://kith/texts/?by=socket", stream)).await.unwrap().0;
    let Message::Text(open) = within(client.next()).await.unwrap().unwrap() else {
        panic!("it is not opened")
    };
    assert!(open.starts_with("open ") && open.ends_with(" stays"), "{open}");
    client
}

#[tokio::test]
async fn text_goes_both_ways_and_binary_is_refused() {
    let server = server();
    let mut client = connect(&server).await;
    within(client.send(Message::text("bind 7"))).await.unwrap();
    assert_eq!(within(client.next()).await.unwrap().unwrap(), Message::text("bound"));
    within(client.send(Message::binary("echo 1"))).await.unwrap();
    let Message::Close(Some(close)) = within(client.next()).await.unwrap().unwrap() else {
        panic!("binary was taken")
    };
    assert_eq!(u16::from(close.code), 1003);
}

#[tokio::test]
async fn both_protocols_hear_of_one_user() {
    let server = server();
    let mut first = server.user(7).await;
    let mut second = connect(&server).await;
    within(second.send(Message::text("bind 7"))).await.unwrap();
    assert_eq!(within(second.next()).await.unwrap().unwrap(), Message::text("bound"));
    server.deliver(7, 1);
    let heard = first.hear().await;
    assert_eq!(within(second.next()).await.unwrap().unwrap(), Message::text(heard));
}

#[tokio::test]
async fn who_does_not_log_in_within_the_protocols_own_limit_is_closed() {
    let server = server();
    let begin = Instant::now();
    let mut client = connect(&server).await;
    while let Some(Ok(message)) = within(client.next()).await {
        if message.is_close() {
            break;
        }
    }
    assert!(begin.elapsed() >= Duration::from_millis(2_900), "{:?}", begin.elapsed());
}
