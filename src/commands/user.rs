//! `infra user`: who may sign in.

use super::session::{self, Session};
use crate::error::{Error, Result};
use crate::permissions::{Need, sometimes};
use crate::platform::outputs::find;
use crate::platform::users::{Users, password};
use crate::report;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::ui::Ui;
use clap::{Args, Subcommand};

/// What `infra user` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::OUTPUTS,
    &[
        sometimes("to list", &["Cognito Identity Provider ListUsers"]),
        sometimes(
            "to create",
            &[
                "Cognito Identity Provider AdminCreateUser",
                "Cognito Identity Provider AdminSetUserPassword",
            ],
        ),
        sometimes(
            "to delete, and to create with a password that is refused",
            &["Cognito Identity Provider AdminDeleteUser"],
        ),
    ],
];

/// Arguments of `infra user`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub action: What,
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Create a user. The e-mail address counts as verified, and no mail is sent.
    ///
    /// A password is asked for, or drawn and shown once; it never stands in an argument.
    Create(Create),
    /// List the users.
    List,
    /// Delete a user. Asks, unless --yes.
    Delete {
        /// The e-mail address.
        email: String,
    },
}

/// Arguments of `infra user create`.
#[derive(Debug, Args)]
pub struct Create {
    /// The e-mail address, which is what the user signs in with.
    pub email: String,
    /// The full name.
    #[arg(long)]
    pub name: String,
    /// Draw a password and show it on standard output, once.
    #[arg(long)]
    pub generate: bool,
    /// Read the password from the first line of standard input.
    #[arg(long, conflicts_with = "generate")]
    pub password_stdin: bool,
}

/// Longer than any password may be.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminSetUserPassword.html>
const LONGEST: u64 = 4096;

/// Runs it.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    Session::within(settings, async |session| {
        alone(arguments, settings, ui, session).await
    })
    .await
}

async fn alone(
    arguments: &Arguments,
    settings: &Settings,
    ui: &Ui,
    session: &Session,
) -> Result<()> {
    let outputs = session
        .outputs(&session.project.select(&[], false)?)
        .await?;
    let users = Users {
        cloud: &session.cloud,
        pool: find(&outputs, "UserPoolId")?,
    };
    match &arguments.action {
        What::Create(create) => self::create(create, settings, ui, &users).await,
        What::List => list(settings, ui, &users).await,
        What::Delete { email } => delete(email, settings, ui, &users).await,
    }
}

async fn create(wanted: &Create, settings: &Settings, ui: &Ui, users: &Users<'_>) -> Result<()> {
    let Create { email, name, .. } = wanted;
    let (created, shown) = match given(wanted, ui)? {
        Some(given) => {
            let secrets = Secrets::new(std::iter::once(given.clone()));
            let created = secrets.clean(users.create(email, name, &given).await)?;
            (created, None)
        }
        None => {
            let drawn = draw(email, name, users).await?;
            (drawn.is_some(), drawn)
        }
    };
    if settings.json {
        let told = serde_json::json!({ "email": email, "created": created, "password": shown });
        ui.product(&told.to_string());
    } else if let Some(password) = &shown {
        ui.product(password);
    }
    ui.status(&match (created, shown.is_some()) {
        (false, _) => {
            format!("{email} is there already; nothing was changed, the password neither.")
        }
        (true, false) => format!("{email} is created."),
        (true, true) => format!("{email} is created; the password above is shown this once."),
    });
    Ok(())
}

/// Creates a user with a password that is drawn, and answers it; nothing where the user is there already.
pub(super) async fn draw(email: &str, name: &str, users: &Users<'_>) -> Result<Option<String>> {
    let password = password().map_err(|error| Error::asked(format!("{error}.")))?;
    let secrets = Secrets::new(std::iter::once(password.clone()));
    let created = secrets.clean(users.create(email, name, &password).await)?;
    Ok(created.then_some(password))
}

/// The password that the user gives; none where one is to be drawn.
fn given(wanted: &Create, ui: &Ui) -> Result<Option<String>> {
    if wanted.generate {
        return Ok(None);
    }
    if wanted.password_stdin {
        return piped(ui).map(Some);
    }
    let instead = "give --generate, or --password-stdin";
    let first = ui.secret("Password:", instead)?;
    if first != ui.secret("The same again:", instead)? {
        return Err(Error::asked("the two are not the same; nothing was done."));
    }
    Ok(Some(first))
}

/// The password on the first line of standard input.
pub(super) fn piped(ui: &Ui) -> Result<String> {
    let text = ui.input(LONGEST)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Error::asked("standard input holds no password."));
    }
    Ok(line.to_owned())
}

async fn list(settings: &Settings, ui: &Ui, users: &Users<'_>) -> Result<()> {
    let all = users.list().await?;
    if settings.json {
        ui.product(&serde_json::json!({ "users": all }).to_string());
        return Ok(());
    }
    let rows = all.iter().map(|user| {
        let status = if user.enabled {
            user.status.clone()
        } else {
            "disabled".to_owned()
        };
        vec![
            user.email.clone(),
            user.name.clone(),
            status,
            user.created.clone(),
        ]
    });
    ui.product(&report::table(
        &["EMAIL", "NAME", "STATUS", "CREATED"],
        &rows.collect::<Vec<_>>(),
    ));
    Ok(())
}

async fn delete(email: &str, settings: &Settings, ui: &Ui, users: &Users<'_>) -> Result<()> {
    let question = format!("Delete {email}? (yes/no)");
    if !settings.yes && !ui.ask(&question, &["yes", "y"], "give --yes")? {
        return Err(Error::asked("not confirmed; nothing was done."));
    }
    let gone = users.delete(email).await?;
    ui.status(&match gone {
        true => format!("{email} is deleted; tokens that were given out end within the hour."),
        false => format!("{email} is not there; nothing was done."),
    });
    Ok(())
}
