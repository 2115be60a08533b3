//! Keyword lists of an app: make, change, remove them and their words.

use domain::keyword::{
    ADDED_WORDS_LIMIT, Keyword, KeywordList, KeywordRefused, ListSpec, NEW_LIST_WORDS_LIMIT, decide_list,
    decide_words,
};
use model::AppKey;
use store::KeywordChange;

use crate::{Error, TRIES, Tenant, UseCases};

/// A list with its number, which names it.
pub type NumberedList = (u64, KeywordList);
/// A word with its number.
pub type NumberedWord = (u64, Keyword);

impl UseCases {
    /// All lists, the oldest first.
    ///
    /// # Errors
    /// Faults.
    pub async fn keyword_lists(&self, app: &Tenant) -> Result<Vec<NumberedList>, Error> {
        Ok(self.store.keywords.lists(app.value.id).await?)
    }

    /// A list with its words, the oldest first.
    ///
    /// # Errors
    /// `not_found`; faults.
    pub async fn keywords(&self, app: &Tenant, list: u64) -> Result<(KeywordList, Vec<NumberedWord>), Error> {
        let lists = self.store.keywords.lists(app.value.id).await?;
        let words = self.store.keywords.words(app.value.id, list).await?;
        Ok((find(&lists, list)?.clone(), words))
    }

    /// Makes a list, with its first words. `by`: who does it, in the owner's words.
    ///
    /// # Errors
    /// [`KeywordRefused`]'s; faults.
    pub async fn create_keyword_list(
        &self,
        app: &AppKey,
        spec: &ListSpec,
        words: &[String],
        by: &str,
    ) -> Result<(NumberedList, Vec<NumberedWord>), Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            let lists = self.store.keywords.lists(app.value.id).await?;
            let now = self.now();

            decide_list(lists.iter().map(|(_, list)| list), spec, true)?;
            if !words.is_empty() {
                decide_words(&[], words, bytes_of(&lists), NEW_LIST_WORDS_LIMIT)?;
            }
            let number = self.ids.next(now).await?.0;
            let added = self.new_words(words, by).await?;
            let list = KeywordList {
                name: spec.name.clone(),
                kind: spec.kind,
                action: spec.action,
                whole_text: spec.whole_text,
                enabled: spec.enabled,
                words: count(words.len()),
                bytes: words.iter().map(|word| word.len() as u64).sum(),
                created: now,
                modified: now,
            };
            let change =
                KeywordChange { list: Some(list.clone()), words: added.clone(), ..KeywordChange::default() };
            if self.store.keywords.write(&app, number, &change).await?.is_some() {
                return Ok(((number, list), added));
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Changes everything about a list but its words.
    ///
    /// # Errors
    /// [`KeywordRefused`]'s; faults.
    pub async fn change_keyword_list(
        &self,
        app: &AppKey,
        number: u64,
        spec: &ListSpec,
    ) -> Result<KeywordList, Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            let lists = self.store.keywords.lists(app.value.id).await?;
            let old = find(&lists, number)?;

            let others = lists.iter().filter(|(other, _)| *other != number).map(|(_, list)| list);
            decide_list(others, spec, false)?;
            let list = KeywordList {
                name: spec.name.clone(),
                kind: spec.kind,
                action: spec.action,
                whole_text: spec.whole_text,
                enabled: spec.enabled,
                modified: self.now(),
                ..old.clone()
            };
            let change = KeywordChange { list: Some(list.clone()), ..KeywordChange::default() };
            if self.store.keywords.write(&app, number, &change).await?.is_some() {
                return Ok(list);
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Removes a list with its words.
    ///
    /// # Errors
    /// `not_found`; faults.
    pub async fn remove_keyword_list(&self, app: &AppKey, number: u64) -> Result<(), Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            let lists = self.store.keywords.lists(app.value.id).await?;
            find(&lists, number)?;

            let change = KeywordChange { is_removed: true, ..KeywordChange::default() };
            if self.store.keywords.write(&app, number, &change).await?.is_some() {
                self.store.keywords.sweep(app.value.id, number).await?;
                return Ok(());
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Adds words to a list, all or none. Answers with the list as it is then, and with the words that were added.
    ///
    /// # Errors
    /// [`KeywordRefused`]'s; faults.
    pub async fn add_keywords(
        &self,
        app: &AppKey,
        number: u64,
        words: &[String],
        by: &str,
    ) -> Result<(KeywordList, Vec<NumberedWord>), Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            let lists = self.store.keywords.lists(app.value.id).await?;
            let existing = self.existing(&app, number).await?;
            let old = find(&lists, number)?;

            decide_words(&existing, words, bytes_of(&lists), ADDED_WORDS_LIMIT)?;
            let added = self.new_words(words, by).await?;
            let list = KeywordList {
                words: old.words + count(words.len()),
                bytes: old.bytes + words.iter().map(|word| word.len() as u64).sum::<u64>(),
                modified: self.now(),
                ..old.clone()
            };
            let change =
                KeywordChange { list: Some(list.clone()), words: added.clone(), ..KeywordChange::default() };
            if self.store.keywords.write(&app, number, &change).await?.is_some() {
                return Ok((list, added));
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Puts another word into the place of one.
    ///
    /// # Errors
    /// [`KeywordRefused`]'s; faults.
    pub async fn change_keyword(
        &self,
        app: &AppKey,
        number: u64,
        word: u64,
        new: &str,
        by: &str,
    ) -> Result<Keyword, Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            let lists = self.store.keywords.lists(app.value.id).await?;
            let words = self.store.keywords.words(app.value.id, number).await?;
            let list = find(&lists, number)?;
            let old = words.iter().find(|(other, _)| *other == word).map(|(_, keyword)| keyword);
            let old = old.ok_or(KeywordRefused::WordNotFound)?;

            let others: Vec<Keyword> = words
                .iter()
                .filter(|(other, _)| *other != word)
                .map(|(_, keyword)| keyword.clone())
                .collect();
            decide_words(
                &others,
                &[new.to_owned()],
                bytes_of(&lists).saturating_sub(old.word.len() as u64),
                1,
            )?;
            let now = self.now();
            let keyword =
                Keyword { word: new.to_owned(), by: by.to_owned(), created: old.created, modified: now };
            let bytes = list.bytes.saturating_sub(old.word.len() as u64) + new.len() as u64;
            let change = KeywordChange {
                list: Some(KeywordList { bytes, modified: now, ..list.clone() }),
                words: vec![(word, keyword.clone())],
                ..KeywordChange::default()
            };
            if self.store.keywords.write(&app, number, &change).await?.is_some() {
                return Ok(keyword);
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// Takes a word off a list.
    ///
    /// # Errors
    /// `not_found`; faults.
    pub async fn remove_keyword(&self, app: &AppKey, number: u64, word: u64) -> Result<(), Error> {
        for _ in 0..TRIES {
            let app = self.app_of(app)?;
            let lists = self.store.keywords.lists(app.value.id).await?;
            let words = self.store.keywords.words(app.value.id, number).await?;
            let list = find(&lists, number)?;
            let old = words.iter().find(|(other, _)| *other == word).map(|(_, keyword)| keyword);
            let old = old.ok_or(KeywordRefused::WordNotFound)?;

            let list = KeywordList {
                words: list.words.saturating_sub(1),
                bytes: list.bytes.saturating_sub(old.word.len() as u64),
                modified: self.now(),
                ..list.clone()
            };
            let change =
                KeywordChange { list: Some(list), removed_words: vec![word], ..KeywordChange::default() };
            if self.store.keywords.write(&app, number, &change).await?.is_some() {
                return Ok(());
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    async fn existing(&self, app: &Tenant, list: u64) -> Result<Vec<Keyword>, Error> {
        let words = self.store.keywords.words(app.value.id, list).await?;
        Ok(words.into_iter().map(|(_, keyword)| keyword).collect())
    }

    async fn new_words(&self, words: &[String], by: &str) -> Result<Vec<NumberedWord>, Error> {
        let now = self.now();
        let mut numbered = Vec::with_capacity(words.len());
        for word in words {
            let keyword = Keyword { word: word.clone(), by: by.to_owned(), created: now, modified: now };
            numbered.push((self.ids.next(now).await?.0, keyword));
        }
        Ok(numbered)
    }
}

fn find(lists: &[NumberedList], number: u64) -> Result<&KeywordList, KeywordRefused> {
    let found = lists.iter().find(|(other, _)| *other == number);
    found.map(|(_, list)| list).ok_or(KeywordRefused::ListNotFound)
}

fn bytes_of(lists: &[NumberedList]) -> u64 {
    lists.iter().map(|(_, list)| list.bytes).sum()
}

fn count(words: usize) -> u32 {
    u32::try_from(words).expect("a call brings few words")
}
