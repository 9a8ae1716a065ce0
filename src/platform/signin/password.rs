//! Signing in with a password, where there is no browser: proved by SRP, never sent.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>

use super::Pool;
use super::tokens::{Tokens, Way};
use crate::chance;
use crate::cloud::{Cloud, refusal};
use crate::error::{Error, Result};
use crate::settings;
use crate::srp::{Answered, Client, Who, pool_name};
use aws_sdk_cognitoidentityprovider::types::{
    AuthFlowType, AuthenticationResultType, ChallengeNameType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;

const SIGN_IN: &str = "InitiateAuth";
const ANSWER: &str = "RespondToAuthChallenge";

/// What has to be known to go on.
#[derive(Debug)]
pub enum Next {
    /// The user is in.
    Done(Tokens),
    /// A password of the user's own choice.
    NewPassword(Challenge),
    /// A code of the user's second factor.
    Code(Challenge),
}

/// A question that the pool waits for the answer of.
#[derive(Debug)]
pub struct Challenge {
    name: ChallengeNameType,
    session: Option<String>,
    user: String,
}

/// Begins.
///
/// # Errors
/// When the pool refuses.
pub async fn begin(pool: &Pool, cloud: &Cloud, user: &str, password: &str) -> Result<Next> {
    let random = chance::bytes()
        .map_err(|error| Error::asked(format!("cannot begin a sign-in: {error}.")))?;
    let client = Client::new(random);
    let answer = cloud
        .cognito()
        .initiate_auth()
        .auth_flow(AuthFlowType::UserSrpAuth)
        .client_id(&pool.client)
        .auth_parameters("USERNAME", user)
        .auth_parameters("SRP_A", client.public())
        .send()
        .await
        .map_err(|error| explained(refusal(SIGN_IN, error)))?;
    if answer.challenge_name() != Some(&ChallengeNameType::PasswordVerifier) {
        return Err(unexpected(answer.challenge_name()));
    }
    let given = answer.challenge_parameters.unwrap_or_default();
    let text = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
    let (id, block) = (text("USER_ID_FOR_SRP"), text("SECRET_BLOCK"));
    let time = moment(settings::now());
    let proof = STANDARD.decode(block).ok().and_then(|secret_block| {
        let who = Who {
            pool: pool_name(&pool.id),
            user: id,
        };
        let answered = Answered {
            public: text("SRP_B"),
            salt: text("SALT"),
            secret_block: &secret_block,
        };
        client.prove(who, password, &answered, &time)
    });
    let proof = proof.ok_or_else(|| Error::aws("the user pool's challenge makes no sense."))?;
    let challenge = Challenge {
        name: ChallengeNameType::PasswordVerifier,
        session: answer.session,
        user: id.to_owned(),
    };
    let fields = [
        ("PASSWORD_CLAIM_SECRET_BLOCK", block.to_owned()),
        ("PASSWORD_CLAIM_SIGNATURE", STANDARD.encode(proof)),
        ("TIMESTAMP", time),
    ];
    respond(pool, cloud, &challenge, &fields).await
}

/// Goes on with the answer of a question.
///
/// # Errors
/// When the pool refuses.
pub async fn go_on(pool: &Pool, cloud: &Cloud, asked: &Challenge, answer: &str) -> Result<Next> {
    let name = match asked.name {
        ChallengeNameType::NewPasswordRequired => "NEW_PASSWORD",
        _ => "SOFTWARE_TOKEN_MFA_CODE",
    };
    respond(pool, cloud, asked, &[(name, answer.to_owned())]).await
}

async fn respond(
    pool: &Pool,
    cloud: &Cloud,
    challenge: &Challenge,
    fields: &[(&str, String)],
) -> Result<Next> {
    let mut all = HashMap::from([("USERNAME".to_owned(), challenge.user.clone())]);
    all.extend(
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    let answer = cloud
        .cognito()
        .respond_to_auth_challenge()
        .client_id(&pool.client)
        .challenge_name(challenge.name.clone())
        .set_session(challenge.session.clone())
        .set_challenge_responses(Some(all))
        .send()
        .await
        .map_err(|error| explained(refusal(ANSWER, error)))?;
    if let Some(result) = answer.authentication_result {
        return tokens(pool, result, None).map(Next::Done);
    }
    let next = answer.challenge_name.ok_or_else(|| unexpected(None))?;
    let challenge = Challenge {
        name: next.clone(),
        session: answer.session,
        user: challenge.user.clone(),
    };
    match next {
        ChallengeNameType::NewPasswordRequired => Ok(Next::NewPassword(challenge)),
        ChallengeNameType::SoftwareTokenMfa => Ok(Next::Code(challenge)),
        other => Err(unexpected(Some(&other))),
    }
}

/// Fresh tokens, or none where the sign-in has ended.
pub(super) async fn refresh(pool: &Pool, cloud: &Cloud, old: &Tokens) -> Result<Option<Tokens>> {
    let Some(refresh) = &old.refresh else {
        return Ok(None);
    };
    let answer = cloud
        .cognito()
        .initiate_auth()
        .auth_flow(AuthFlowType::RefreshTokenAuth)
        .client_id(&pool.client)
        .auth_parameters("REFRESH_TOKEN", refresh)
        .send()
        .await
        .map_err(|error| refusal(SIGN_IN, error));
    match answer {
        Ok(answer) => {
            let result = answer
                .authentication_result
                .ok_or_else(|| unexpected(None))?;
            tokens(pool, result, Some(refresh)).map(Some)
        }
        Err(error) if error.code.as_deref() == Some("NotAuthorizedException") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ends the sign-in at the pool: no token can be made of it any more.
///
/// # Errors
/// When the pool refuses, or cannot be reached.
pub async fn revoke(pool: &Pool, cloud: &Cloud, tokens: &Tokens) -> Result<()> {
    let Some(refresh) = &tokens.refresh else {
        return Ok(());
    };
    let request = cloud
        .cognito()
        .revoke_token()
        .client_id(&pool.client)
        .token(refresh);
    let sent = request.send().await;
    sent.map(drop)
        .map_err(|error| refusal("RevokeToken", error))
}

fn tokens(
    pool: &Pool,
    result: AuthenticationResultType,
    refresh: Option<&String>,
) -> Result<Tokens> {
    match (result.id_token, result.access_token) {
        (Some(id), Some(access)) => Ok(Tokens {
            way: Way::Password,
            pool: pool.id.clone(),
            id,
            access,
            refresh: result.refresh_token.or_else(|| refresh.cloned()),
        }),
        _ => Err(Error::aws(
            "the user pool let the user in and gave no tokens.",
        )),
    }
}

fn unexpected(name: Option<&ChallengeNameType>) -> Error {
    let name = name.map_or("nothing", ChallengeNameType::as_str);
    Error::aws(format!(
        "the user pool asks for {name}, which cannot be answered here."
    ))
    .hint(format!(
        "sign in in the browser: {}",
        settings::command("login")
    ))
}

fn explained(error: Error) -> Error {
    let off = error
        .messages
        .iter()
        .any(|message| message.contains("not enabled for"));
    if off {
        return error.hint(
            "the app client lacks ALLOW_USER_SRP_AUTH: UserPoolClient.ExplicitAuthFlows in \
             templates/api-and-cognito.yaml has it, so deploy that stack; or sign in in the browser",
        );
    }
    error
}

/// As Cognito has it: `Thu Jan 1 00:00:00 UTC 1970`.
fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    let at = time::OffsetDateTime::from_unix_timestamp(seconds);
    let at = at.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (day, month) = (at.weekday().to_string(), at.month().to_string());
    let (hour, minute, second) = at.to_hms();
    format!(
        "{} {} {} {hour:02}:{minute:02}:{second:02} UTC {}",
        &day[..3],
        &month[..3],
        at.day(),
        at.year()
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_is_written_without_a_zero_before_the_day() {
        assert_eq!(super::moment(0), "Thu Jan 1 00:00:00 UTC 1970");
        assert_eq!(super::moment(951_782_399), "Mon Feb 28 23:59:59 UTC 2000");
    }
}
