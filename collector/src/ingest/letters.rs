//! Dead letters on their way into the store and out of it: all that wait, in one transaction of their own.

use super::queue::{Refused, Reply};
use crate::store::{LettersHeld, SetAside, Store, StoreError, Transaction, Undeliverable};

/// What is to be done with one letter, and who waits for it.
pub(super) enum Letter {
    /// It came and cannot be read.
    Arrived {
        /// All that is known of it.
        letter: Undeliverable,
        /// Who is told.
        reply: Reply<SetAside>,
    },
    /// Its events are stored: it goes.
    Redriven {
        /// Its number.
        id: i64,
        /// Who is told.
        reply: Reply<bool>,
    },
}

/// What is told after the commit.
enum Answer {
    SetAside(Reply<SetAside>, Result<SetAside, Refused>),
    Removed(Reply<bool>, bool),
}

/// Does all of it; after the commit `hold` hears how much is set aside, and then everybody is answered: who has an
/// answer sees it counted.
///
/// # Errors
/// [`StoreError`]; then nothing has happened, and everybody has been told so.
pub(super) fn keep(
    store: &mut dyn Store,
    letters: Vec<Letter>,
    hold: impl FnOnce(LettersHeld),
) -> Result<(), StoreError> {
    let mut answers = Vec::with_capacity(letters.len());
    let kept = transact(store, letters, &mut answers).map(hold);
    let failed = kept.as_ref().err().map(|error| Refused { code: error.code() });
    for answer in answers {
        // Whoever asked may have gone away; a broker delivers again.
        match answer {
            Answer::SetAside(reply, answer) => drop(reply.send(failed.map_or(answer, Err))),
            Answer::Removed(reply, removed) => drop(reply.send(failed.map_or(Ok(removed), Err))),
        }
    }
    kept
}

fn transact(
    store: &mut dyn Store,
    letters: Vec<Letter>,
    answers: &mut Vec<Answer>,
) -> Result<LettersHeld, StoreError> {
    let mut transaction = store.begin()?;
    for letter in letters {
        answers.push(one(&mut *transaction, letter)?);
    }
    let held = transaction.letters_held()?;
    transaction.commit()?;
    Ok(held)
}

fn one(transaction: &mut dyn Transaction, letter: Letter) -> Result<Answer, StoreError> {
    match letter {
        Letter::Redriven { id, reply } => Ok(Answer::Removed(reply, transaction.remove_letter(id)?)),
        Letter::Arrived { letter, reply } => {
            let answer = match transaction.set_aside(&letter) {
                Err(error @ StoreError::LettersFull { .. }) => Err(Refused { code: error.code() }),
                other => Ok(other?),
            };
            Ok(Answer::SetAside(reply, answer))
        }
    }
}
