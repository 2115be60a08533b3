//! Clients of JMessage's: which builds of an app are taken, and uploads with tokens to a store.

use anyhow::Result;
use client::media::{FileRules, LocalFile, MediaKind};
use client::{Attached, Build, Builder, Client, ErrorTable};
use conditions::{Operation, Table};
use serde_json::json;
use tokio::net::TcpListener;

use crate::lab::{App, Lab, Server, password};
use crate::listener;
use crate::witness::{Cause, Outcome, Witness, witness};

const ANDROID: &[Table] = &[Table::JmessageAndroid];
const IOS: &[Table] = &[Table::JmessageIos];

/// The service for devices says of most refusals what kind they are.
pub(super) const ONE_NUMBER: &str =
    "the service for devices has one number for all arguments, and one for all that is forbidden";

pub(super) const WITNESSES: &[Witness] = &[
    witness!(IOS, AppKeyInvalid, key_of_another_form),
    witness!(ANDROID, AppKeyInvalid, key_of_no_app).needs_names(ONE_NUMBER),
    witness!(ANDROID, PackageMismatch, package_of_another_build).needs_names(ONE_NUMBER),
    witness!(ANDROID, PlatformMismatch, platform_that_the_app_is_not_for).needs_names(ONE_NUMBER),
    witness!(IOS, UploadTokenFailed, token_that_the_server_refuses),
    witness!(IOS, ObjectStoreTokenFailed, token_that_nobody_gives).on_own_server(),
    witness!(IOS, ObjectStoreNetworkError, store_where_nobody_listens),
    witness!(IOS, ObjectStoreAuthError, token_that_is_over_when_it_arrives),
    witness!(IOS, ObjectStoreUploadFailed, file_that_the_store_does_not_take),
    witness!(IOS, ObjectStoreUnknownError, store_that_has_lost_its_bucket).on_own_server(),
];

fn builder(app: &App, key: &str, table: ErrorTable) -> Builder {
    Client::builder(key, &app.server, "").error_table(table)
}

async fn key_of_another_form(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let key = cause.choose("no key of 24 letters", &*app.jmessage_key);
    Ok(Outcome::of(builder(&app, key, ErrorTable::JMessageIos).jmessage(Build::Ios).await))
}

/// What an Android build is told, on the wire and by the SDK.
async fn android(app: &App, key: &str, package: &str, (status, code): (u16, &str)) -> Result<Outcome> {
    let asked = json!({ "appkey": key, "platform": "android", "package": package });
    let answer = app.jmessage_as(None, "POST", "/v1/devices/build", asked).await?;
    let wire = answer.seen_of(Some(Operation::Login), status, code)?;
    let builder = Client::builder(key, app.met_at(), "").error_table(ErrorTable::JMessageAndroid);
    wire.told(builder.jmessage(Build::Android(package)).await)
}

async fn key_of_no_app(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let key = cause.choose("0123456789abcdef01234567", &*app.jmessage_key);
    android(&app, key, "com.example.app", (401, "898009")).await
}

async fn package_of_another_build(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["clients.packages=com.example.app"]).await?;
    let package = cause.choose("com.example.app.debug", "com.example.app");
    android(&app, &app.jmessage_key, package, (403, "898003")).await
}

async fn platform_that_the_app_is_not_for(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[cause.choose("clients.platforms=ios", "clients.platforms=ios,android")]).await?;
    android(&app, &app.jmessage_key, "com.example.app", (403, "898003")).await
}

/// alice, logged in with a build for iOS.
async fn alice(app: &App, change: impl FnOnce(Builder) -> Builder) -> Result<(Client, client::Events)> {
    let builder = builder(app, &app.jmessage_key, ErrorTable::JMessageIos).jmessage(Build::Ios).await?;
    let (sdk, events) = change(builder).build()?;
    sdk.log_in("alice", &password("alice")).await?;
    Ok((sdk, events))
}

async fn upload(lab: &Lab, sdk: &Client, content: &[u8]) -> Result<client::Result<Attached>> {
    let path = lab.new_path("file.bin");
    tokio::fs::write(&path, content).await?;
    let file = LocalFile::open(&path, MediaKind::File, &FileRules::default())?;
    Ok(match sdk.upload(&file) {
        Ok(transfer) => transfer.finish().await,
        Err(error) => Err(error),
    })
}

async fn token_that_the_server_refuses(lab: &Lab, cause: Cause) -> Result<Outcome> {
    // The app's files have no room for six bytes more.
    let app = lab.app(&[cause.choose("files.app_bytes_limit=5", "files.app_bytes_limit=6")]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = alice(&app, |builder| builder).await?;
    Ok(Outcome::of(upload(lab, &sdk, b"a text").await?))
}

async fn token_that_nobody_gives(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let server = lab.own_server(&[]).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = alice(&app, |builder| builder).await?;
    let server: Option<Server> = cause.choose(None, Some(server));
    let outcome = Outcome::of(upload(lab, &sdk, b"a text").await?);
    drop(server);
    Ok(outcome)
}

async fn store_where_nobody_listens(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let store = cause.choose(format!("http://{free}/resource"), format!("{}/resource", app.server));
    let (sdk, _events) = alice(&app, |builder| builder.upload_url(&store)).await?;
    Ok(Outcome::of(upload(lab, &sdk, b"a text").await?))
}

async fn token_that_is_over_when_it_arrives(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    app.users(["alice"]).await?;
    let path = format!("/v1/users/{}/password", cause.choose("alice", "bobby"));
    app.users(["bobby"]).await?;
    let back_end = app.clone();
    // On the way to the store it takes so long that the user's password is another when the token arrives.
    let store = listener::leads_to(&app.server, move || {
        let (back_end, path) = (back_end.clone(), path.clone());
        async move {
            let changed = back_end.jmessage("PUT", &path, json!({ "new_password": "another" })).await?;
            anyhow::ensure!(changed.is_fine(), "{}", changed.body);
            Ok(())
        }
    });
    let store = format!("http://{}/resource", store.await?);
    let (sdk, _events) = alice(&app, |builder| builder.upload_url(&store)).await?;
    Ok(Outcome::of(upload(lab, &sdk, b"a text").await?))
}

async fn file_that_the_store_does_not_take(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&["files.refused_content=executable"]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = alice(&app, |builder| builder).await?;
    let content = cause.choose(b"MZ and a program".as_slice(), b"a text");
    Ok(Outcome::of(upload(lab, &sdk, content).await?))
}

async fn store_that_has_lost_its_bucket(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let nobody = format!(
        "[files]\nstore = \"s3\"\ns3_bucket = \"files\"\ns3_endpoint = \"http://{free}\"\n\
         s3_access_key = \"key\"\ns3_secret_key = \"secret\"\n"
    );
    let server = lab.configured_server(cause.choose(&*nobody, "")).await?;
    let app = lab.app_on(&server, &[]).await?;
    app.users(["alice"]).await?;
    let (sdk, _events) = alice(&app, |builder| builder).await?;
    let outcome = Outcome::of(upload(lab, &sdk, b"a text").await?);
    drop(server);
    Ok(outcome)
}
