//! `infra login`, `infra token` and `infra logout`.

use super::session::{self, Session};
use super::user::piped;
use crate::error::{Error, Result};
use crate::jwt::Claims;
use crate::permissions::{Need, always, sometimes, with};
use crate::platform::outputs::Outputs;
use crate::platform::signin::browser::Begun;
use crate::platform::signin::password::{self, Next};
use crate::platform::signin::tokens::{Kept, Reader, Tokens};
use crate::platform::signin::{Elsewhere, Pool};
use crate::platform::web::Web;
use crate::settings::{self, Settings, variable};
use crate::ui::Ui;
use clap::Args;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What making a stale token fresh asks for.
pub(super) const FRESH: &[Need] = &[sometimes(
    "with a stale token of --username",
    &["Cognito Identity Provider InitiateAuth"],
)];

/// What `infra login` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::OUTPUTS,
    &with("with --username", &PROOF),
];

/// What proving a password asks for.
pub(super) const PROOF: [Need; 1] = [always(&[
    "Cognito Identity Provider InitiateAuth",
    "Cognito Identity Provider RespondToAuthChallenge",
])];

/// What `infra token` and `infra predict` ask for.
pub(super) const TOKEN: &[&[Need]] = &[session::OPEN, session::OUTPUTS, FRESH];

/// What `infra logout` asks for.
pub(super) const LOGOUT: &[&[Need]] = &[
    session::OPEN,
    session::OUTPUTS,
    &[sometimes(
        "with somebody signed in",
        &["Cognito Identity Provider RevokeToken"],
    )],
];

/// Arguments of `infra login`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Open no browser: print the URL. The browser must reach this machine's loopback.
    #[arg(long, conflicts_with = "username")]
    pub no_browser: bool,
    /// Where the browser is led back to; one of the app client's callback URLs.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://localhost:8976/callback"
    )]
    pub callback: String,
    /// Seconds to wait for the browser.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Sign in with this user's password instead, which is proved and not sent.
    #[arg(long, value_name = "EMAIL")]
    pub username: Option<String>,
    /// Read the password from the first line of standard input.
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
}

/// Signs in.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        sign_in(arguments, settings, ui, session).await
    })
    .await
}

/// Prints a token.
pub async fn token(settings: &Settings, ui: &Ui) -> Result<()> {
    let fresh = Session::within(settings, async |session| {
        let (reader, _) = reader(session, settings).await?;
        reader.fresh().await
    });
    ui.product(&fresh.await?);
    Ok(())
}

/// Signs out.
pub async fn logout(settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        sign_out(settings, ui, session).await
    })
    .await
}

/// Who reads the tokens of the project's pool, and the stacks' outputs, which say which that is.
pub(super) async fn reader(session: &Session, settings: &Settings) -> Result<(Reader, Outputs)> {
    let outputs = session
        .outputs(&session.project.select(&[], false)?)
        .await?;
    let reader = reader_of(session, &outputs, settings)?;
    Ok((reader, outputs))
}

/// The same, of outputs that are read already.
pub(super) fn reader_of(
    session: &Session,
    outputs: &Outputs,
    settings: &Settings,
) -> Result<Reader> {
    let elsewhere = Elsewhere {
        endpoint: session.cloud.endpoint(),
        cognito: variable("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"),
        sign_in: variable("INFRA_SIGN_IN_URL"),
    };
    let pool = Pool::of(outputs, &elsewhere)?;
    let kept = Kept::of(&settings.sign_ins(), &pool);
    let web = Web::new(settings.patience)?;
    Ok(Reader::new(pool, web, session.cloud.clone(), kept))
}

async fn sign_in(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let (reader, _) = reader(session, settings).await?;
    let claims = match &arguments.username {
        Some(user) => {
            let password = match arguments.password_stdin {
                true => piped(ui)?,
                false => ui.secret(&format!("Password of {user}:"), INSTEAD)?,
            };
            let tokens = prove(user, &password, ui, &reader).await?;
            reader.keep(&tokens, None).await?
        }
        None => browse(arguments, settings, ui, &reader).await?,
    };
    told(&claims, settings, ui, &reader);
    Ok(())
}

async fn browse(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    reader: &Reader,
) -> Result<Claims> {
    let begun = Begun::new(&reader.pool, &arguments.callback).await?;
    let opened = !arguments.no_browser && open(&begun.url);
    if opened {
        ui.status(&format!(
            "The browser is at the sign-in; if it is not:\n{}",
            begun.url
        ));
    } else if settings.json {
        ui.product(&serde_json::json!({ "url": begun.url }).to_string());
    } else {
        ui.status("Sign in here, within reach of this machine's loopback:");
        ui.product(&begun.url);
    }
    let patience = Duration::from_secs(arguments.timeout);
    let tokens = begun.end(&reader.pool, &reader.web, patience).await?;
    reader.keep(&tokens, Some(&begun.nonce)).await
}

/// Opens the browser that BROWSER names, or else the system's; whether something was started.
fn open(url: &str) -> bool {
    let named = variable("BROWSER").filter(|named| !named.trim().is_empty());
    let words: Vec<String> = match &named {
        Some(named) => named.split_whitespace().map(str::to_owned).collect(),
        None if cfg!(target_os = "macos") => vec!["open".to_owned()],
        None if cfg!(windows) => ["rundll32", "url.dll,FileProtocolHandler"]
            .map(str::to_owned)
            .to_vec(),
        None => vec!["xdg-open".to_owned()],
    };
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    let mut command = Command::new(program);
    let placed = arguments.iter().any(|argument| argument.contains("%s"));
    command.args(arguments.iter().map(|argument| argument.replace("%s", url)));
    if !placed {
        command.arg(url);
    }
    // A browser talks to the terminal; nothing of that is ours to show.
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.spawn().is_ok()
}

const INSTEAD: &str = "give --password-stdin, or sign in in the browser";

/// Signs in by a password, which is proved.
pub(super) async fn prove(user: &str, password: &str, ui: &Ui, reader: &Reader) -> Result<Tokens> {
    let (pool, cloud) = (&reader.pool, &reader.cloud);
    let mut next = password::begin(pool, cloud, user, password).await?;
    loop {
        let (challenge, answer) = match next {
            Next::Done(tokens) => return Ok(tokens),
            Next::NewPassword(challenge) => {
                ui.status("The password was for once: choose one.");
                let first = ui.secret("New password:", INSTEAD)?;
                if first != ui.secret("The same again:", INSTEAD)? {
                    return Err(Error::asked("the two are not the same; nothing was done."));
                }
                (challenge, first)
            }
            Next::Code(challenge) => (challenge, ui.secret("Code of the second factor:", INSTEAD)?),
        };
        next = password::go_on(pool, cloud, &challenge, &answer).await?;
    }
}

/// Says who is signed in now.
pub(super) fn told(claims: &Claims, settings: &Settings, ui: &Ui, reader: &Reader) {
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    };
    let who = match text("email") {
        "" => text("sub"),
        email => email,
    };
    let who: String = who.chars().filter(|c| !c.is_control()).take(200).collect();
    let ends = claims
        .get("exp")
        .and_then(|end| end.as_u64())
        .unwrap_or_default();
    if settings.json {
        let ends = settings::moment(ends.saturating_mul(1000));
        let told = serde_json::json!({ "email": who, "token_expires": ends });
        ui.product(&told.to_string());
    }
    ui.status(&format!(
        "{who} is signed in; the tokens are in {}, for you alone to read.",
        reader.kept.path().display()
    ));
}

async fn sign_out(settings: &Settings, ui: &Ui, session: &Session) -> Result<()> {
    let (reader, _) = reader(session, settings).await?;
    // What cannot be read is removed all the same.
    let tokens = reader.kept.read(&reader.pool).ok().flatten();
    let there = reader.kept.remove()?;
    let Some(tokens) = tokens else {
        ui.status(match there {
            true => "Signed out.",
            false => "Nobody was signed in.",
        });
        return Ok(());
    };
    password::revoke(&reader.pool, &reader.cloud, &tokens).await.map_err(|error| {
        error.hint("the tokens are removed here; at the user pool the sign-in lasts until it ends by itself")
    })?;
    ui.status("Signed out; the browser may remember the sign-in for up to an hour.");
    Ok(())
}
