//! What `kith serve` says to a person: where the server is, and with `--demo` how to try it at once.

use std::io::{self, Write};

use server::{Demo, Running};

pub(crate) fn print(out: &mut impl Write, running: &Running, demo: Option<&Demo>) -> io::Result<()> {
    let address = running.reachable_address();
    let (http, ws) = if running.has_tls() { ("https", "wss") } else { ("http", "ws") };
    writeln!(out, "Kith {} is ready.", env!("CARGO_PKG_VERSION"))?;
    writeln!(out)?;
    writeln!(out, "  REST         {http}://{address}")?;
    writeln!(out, "  WebSocket    {ws}://{address}/ws")?;
    if let Some(tcp) = running.reachable_tcp_address() {
        let tls = if running.has_tls() { ", TLS" } else { "" };
        writeln!(out, "  Native SDKs  {tcp} (MSYNC over TCP{tls})")?;
    }
    writeln!(out, "  Health       {http}://{address}/readyz")?;
    writeln!(out, "  Data         {}", running.data().display())?;
    writeln!(out, "  Admin token  in {}", running.admin_token_file().display())?;
    let Some(demo) = demo else {
        if running.apps().is_empty() {
            writeln!(out)?;
            let data = running.data().display();
            writeln!(
                out,
                "There is no app yet. Make one: kith app create ORG#APP --open-registration --data {data}"
            )?;
        }
        return Ok(());
    };
    let key = &demo.app.appkey;
    writeln!(out, "  App key      {key}")?;
    if let Some((key, secret)) = &demo.app.jmessage {
        writeln!(out, "  JMessage     appkey {key}  master secret {secret}")?;
    }
    for user in &demo.users {
        writeln!(out, "  User         {}  password {}", user.name, user.password)?;
    }
    // The port that `kith chat` takes for granted.
    let is_usual = address.port() == 8080 && !running.has_tls();
    let elsewhere = if is_usual { String::new() } else { format!(" --server {http}://{address}") };
    let [sender, receiver] = [&demo.users[0], &demo.users[1]];
    write!(
        out,
        r#"
Chat with each other in two terminals, without writing a line:

  kith chat --user {sender}{elsewhere}
  kith chat --user {receiver}{elsewhere}

Two clients with the official SDK (npm install easemob-websdk, or agora-chat). Run this in two pages,
once as {sender} and once as {receiver}:

  import websdk from 'easemob-websdk';

  const connection = new websdk.connection({{
    appKey: '{key}',
    apiUrl: '{http}://{address}',
    url: '{ws}://{address}/ws',
    isHttpDNS: false,
  }});
  connection.addEventHandler('demo', {{
    onConnected: () => console.log('connected'),
    onTextMessage: (message) => console.log(message.from, 'says', message.msg),
  }});
  await connection.open({{ user: '{sender}', pwd: '{sender_password}' }});
  await connection.send(websdk.message.create({{
    type: 'txt', chatType: 'singleChat', to: '{receiver}', msg: 'Hello!',
  }}));

The same server over REST:

  curl -s {http}://{address}/{path}/token \
    -H 'Content-Type: application/json' \
    -d '{{"grant_type":"password","username":"{sender}","password":"{sender_password}"}}'

  curl -s {http}://{address}/{path}/users \
    -H 'Content-Type: application/json' \
    -d '{{"username":"carol","password":"carol-demo"}}'

Ctrl-C stops the server; what was sent stays in {data}.
"#,
        sender = sender.name,
        elsewhere = elsewhere,
        sender_password = sender.password,
        receiver = receiver.name,
        path = key.replace('#', "/"),
        data = running.data().display(),
    )
}
