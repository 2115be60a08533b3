//! Connections without HTTP, and a server on them that is none.

use client::{Client, Condition, Conversation, NewMessage};
use house::Site;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{Device, text_of};

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_over_the_port_of_native_sdks_too() {
    for site in [Site::start().await, Site::start_encrypted().await] {
        let mut devices = Vec::new();
        for (user, url) in [("alice", site.tcp_url()), ("bob", site.socket_url())] {
            let certificate = site.certificate().unwrap_or_default();
            let mut builder = Client::builder(Site::APP, &site.rest_url(), &url).device("phone");
            if !certificate.is_empty() {
                builder = builder.trust(certificate.as_bytes());
            }
            let (client, events) = builder.build().unwrap();
            client.log_in(user, &format!("{user}-demo")).await.unwrap();
            devices.push(Device { client, events });
        }
        let [alice, bob] = &mut devices[..] else { unreachable!("there are two") };
        // Larger than what is read at once.
        let long = "long ".repeat(4_000);
        alice.client.send(NewMessage::text(Conversation::user("bob").unwrap(), &long)).await.unwrap();
        assert_eq!(text_of(&bob.message().await), long);
        bob.client.send(NewMessage::text(Conversation::user("alice").unwrap(), &long)).await.unwrap();
        assert_eq!(text_of(&alice.message().await), long);
        alice.client.log_out().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_speaks_something_else_is_told() {
    let site = Site::start().await;
    let answers: [(&[u8], Condition); 3] = [
        // A length of two gigabytes, as "HTTP" is one too.
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Condition::ResponseMalformed),
        // The end in the middle of a frame, and of its length.
        (&[0, 0, 0, 9, 1, 2], Condition::ConnectionFailed),
        (&[0, 0], Condition::ConnectionFailed),
    ];
    for (answer, expected) in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _read = socket.read(&mut [0; 4096]).await.unwrap();
                socket.write_all(answer).await.unwrap();
            }
        });
        let (client, _events) = Client::builder(Site::APP, &site.rest_url(), &url).build().unwrap();
        let error = client.log_in("alice", "alice-demo").await.unwrap_err();
        assert_eq!(error.condition(), expected, "{answer:?}");
    }
}
