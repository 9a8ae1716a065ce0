//! `infra up`: everything from an empty account to a prediction, each step as its own command does it.

use super::deploy::{self, How};
use super::run::EXECUTION;
use super::session::{self, Session};
use super::warehouse::{self, ASK, Opened, beside};
use super::{data, login, model, predict, preflight, user, verify};
use crate::error::{Error, Result};
use crate::permissions::{Need, sometimes, with};
use crate::platform::file::Contents;
use crate::platform::load::held;
use crate::platform::names::Platform;
use crate::platform::outputs::{Outputs, find};
use crate::platform::signin::tokens::Reader;
use crate::platform::users::Users;
use crate::settings::{Settings, command, quoted};
use crate::ui::Ui;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `infra up` asks for.
pub(super) const NEEDS: &[&[Need]] = &[
    session::OPEN,
    session::CURRENT,
    &session::SOURCES,
    EXECUTION,
    &deploy::CHANGE_SETS,
    deploy::CHANGES,
    preflight::CHECKS,
    ASK,
    &data::LOAD,
    &verify::CHECKS,
    &[sometimes(
        "with --user",
        &[
            "Cognito Identity Provider AdminCreateUser",
            "Cognito Identity Provider AdminSetUserPassword",
            "Cognito Identity Provider AdminDeleteUser",
        ],
    )],
    &with("with --user", &login::PROOF),
    login::FRESH,
];

/// Who asks for the prediction of a rehearsal.
const SOMEBODY: &str = "ada@example.com";

/// Arguments of `infra up`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The rows to load. Where none are named, data/raw_data.csv beside the manifest is loaded into a table
    /// that holds nothing; one that holds rows is left as it is.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The request that is asked at the end; data/loan.json beside the manifest when none is named.
    #[arg(long, value_name = "FILE")]
    pub request: Option<PathBuf>,
    /// Where nobody is signed in: create this user, show the password that was drawn, and sign in, to ask for
    /// the prediction. With --local it is ada@example.com unless named; else, unless named, nothing is asked.
    #[arg(long, value_name = "EMAIL")]
    pub user: Option<String>,
    /// How the model is trained.
    #[command(flatten)]
    pub training: model::Create,
    /// How long what is new may take to work everywhere.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub verify_timeout: u64,
    /// How the stacks are deployed.
    #[command(flatten)]
    pub how: How,
}

/// Brings everything up.
pub async fn run(arguments: &Arguments, settings: &Settings, ui: &Ui) -> Result<()> {
    let platform = warehouse::platform(settings)?;
    let file = data::File {
        file: arguments.data.clone(),
    };
    let rows = file.path(settings);
    // What is wrong with a file is known before anything is deployed.
    let contents = data::fit(&rows, &platform, settings, ui)?;
    Session::within(settings, async |session| {
        let shipped = || beside(settings).join("data").join("loan.json");
        let request = arguments.request.clone().unwrap_or_else(shipped);
        let request = predict::in_file(&request, &predict::schema(session)?)?;
        let up = Up {
            arguments,
            settings,
            ui,
            session,
        };
        let outputs = up.stand(platform, &rows, &contents).await?;
        up.ask(&request, &outputs).await
    })
    .await
}

struct Up<'a> {
    arguments: &'a Arguments,
    settings: &'a Settings,
    ui: &'a Ui,
    session: &'a Session,
}

impl Up<'_> {
    /// Brings everything to where it can be asked, and answers what the stacks give.
    async fn stand(&self, platform: Platform, rows: &Path, contents: &Contents) -> Result<Outputs> {
        let (settings, ui, session) = (self.settings, self.ui, self.session);
        self.step("stacks");
        let all = deploy::Arguments::everything(&self.arguments.how);
        deploy::deploy(&all, settings, ui, session).await?;
        let opened = Opened::of(session, platform).await?;
        self.step("data");
        let count = held(&opened.warehouse()?, &opened.platform).await?;
        if count > 0.0 && self.arguments.data.is_none() {
            let table = opened.platform.names.table();
            ui.status(&format!(
                "{table} holds {count} rows, and is left as it is; {} adds others.",
                command("data load")
            ));
        } else {
            data::load(&opened, rows, contents, settings, ui).await?;
        }
        self.step("model");
        model::create(&self.arguments.training, &opened, settings, ui).await?;
        self.step("checks");
        let patience = Duration::from_secs(self.arguments.verify_timeout);
        verify::alone(&[], patience, settings, ui, session).await?;
        Ok(opened.outputs)
    }

    /// Asks for a prediction, where there is somebody to ask as.
    async fn ask(&self, request: &Value, outputs: &Outputs) -> Result<()> {
        let (settings, ui, session) = (self.settings, self.ui, self.session);
        self.step("prediction");
        let reader = login::reader_of(session, outputs, settings)?;
        if reader.kept.read(&reader.pool)?.is_none() {
            let rehearsed = settings.local.then_some(SOMEBODY);
            let Some(email) = self.arguments.user.as_deref().or(rehearsed) else {
                let [user, login, predict] = ["user create", "login", "predict"].map(command);
                ui.status(&format!(
                    "Everything stands, and nobody is signed in to ask: {user}, {login}, {predict}."
                ));
                return Ok(());
            };
            self.sign_in(email, &reader, outputs).await?;
        }
        let api = predict::api(session, reader, outputs)?;
        predict::one(&api, request, false, settings, ui).await
    }

    /// Creates a user, and signs in.
    async fn sign_in(&self, email: &str, reader: &Reader, outputs: &Outputs) -> Result<()> {
        let users = Users {
            cloud: &self.session.cloud,
            pool: find(outputs, "UserPoolId")?,
        };
        let Some(password) = user::draw(email, email, &users).await? else {
            return Err(Error::asked(format!(
                "nobody is signed in, and {email} is there already, with a password that is not known here."
            ))
            .hint(format!(
                "{}, and the same command again; or somebody new: --user EMAIL",
                command(&format!("login --username {}", quoted(email)))
            )));
        };
        self.ui.product(&match self.settings.json {
            true => json!({ "email": email, "created": true, "password": password }).to_string(),
            false => format!("{email} may sign in; the password, shown this once: {password}"),
        });
        let tokens = login::prove(email, &password, self.ui, reader).await?;
        let claims = reader.keep(&tokens, None).await?;
        login::told(&claims, self.settings, self.ui, reader);
        Ok(())
    }

    fn step(&self, name: &str) {
        self.ui
            .status(&self.ui.paint(crate::ui::Tone::Faint, &format!("-- {name}")));
    }
}
