//! Compares what two users sent each other, and what the server acknowledged, with the history that each sees.

use std::collections::HashMap;

use crate::history::Entry;
use crate::outbox::Outbox;

/// What is wrong with a conversation, one sentence each; empty when it is as promised: every acknowledged message
/// there once under its id, nothing twice, nothing that nobody sent, each sender's messages in the order of
/// sending, and both sides the same. That sequences have no gap was checked when the histories were read.
pub(crate) fn audit(outboxes: [&Outbox; 2], histories: [&[Entry]; 2]) -> Vec<String> {
    let mut wrong = Vec::new();
    let [history, other] = histories;
    if history != other {
        let [one, two] = outboxes.map(|outbox| outbox.sender.as_str());
        let at = history.iter().zip(other).take_while(|(left, right)| left == right).count();
        wrong.push(format!(
            "{one} sees {} entries, {two} {}; they differ from entry {} on",
            history.len(),
            other.len(),
            at + 1
        ));
    }
    let mut ids = HashMap::new();
    for (index, entry) in history.iter().enumerate() {
        if let Some(first) = ids.insert(entry.id, index) {
            wrong.push(format!("id {} belongs to entries {} and {}", entry.id, first + 1, index + 1));
        }
        if outboxes.iter().all(|outbox| outbox.sender != entry.sender) {
            wrong.push(format!("entry {} is from {:?}, who never wrote", index + 1, entry.sender));
        }
    }
    for outbox in outboxes {
        one_sender(outbox, history, &mut wrong);
    }
    wrong
}

fn one_sender(outbox: &Outbox, history: &[Entry], wrong: &mut Vec<String>) {
    let sender = &outbox.sender;
    let indices: HashMap<&str, usize> =
        outbox.messages.iter().enumerate().map(|(index, sent)| (sent.text.as_str(), index)).collect();
    let mut stored = HashMap::new();
    let mut last = None;
    for (place, entry) in history.iter().enumerate().filter(|(_, entry)| entry.sender == *sender) {
        let Some(&index) = indices.get(entry.text.as_str()) else {
            wrong.push(format!("entry {} is nothing that {sender} sent: {:?}", place + 1, entry.text));
            continue;
        };
        if stored.insert(index, entry.id).is_some() {
            wrong.push(format!("message {index} of {sender} is there twice"));
        } else if last.is_some_and(|last| index < last) {
            wrong.push(format!("message {index} of {sender} stands behind one that was sent later"));
        }
        last = last.max(Some(index));
    }
    for (index, id) in outbox.acknowledged() {
        match stored.get(&index) {
            None => wrong.push(format!("LOST: message {index} of {sender}, acknowledged as {id}")),
            Some(other) if *other != id => {
                wrong.push(format!(
                    "message {index} of {sender} was acknowledged as {id}, is stored as {other}"
                ));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    use crate::outbox::Sent;

    /// Two users with three messages each, all acknowledged, in turns.
    fn sound() -> (Outbox, Outbox, Vec<Entry>) {
        let mut outboxes = [Outbox::new("li", "wang"), Outbox::new("wang", "li")];
        let mut history = Vec::new();
        for number in 0..3 {
            for (user, outbox) in outboxes.iter_mut().enumerate() {
                let (text, id) = (format!("{user} {number}"), number * 10 + user as u64);
                history.push(Entry { id, sender: outbox.sender.clone(), text: text.clone() });
                let acknowledged = Some((id, Instant::now()));
                outbox.messages.push(Sent { text, sent: Instant::now(), acknowledged });
            }
        }
        let [one, other] = outboxes;
        (one, other, history)
    }

    fn wrong(change: impl FnOnce(&mut Outbox, &mut Vec<Entry>)) -> Vec<String> {
        let (mut one, other, mut history) = sound();
        change(&mut one, &mut history);
        audit([&one, &other], [&history, &history])
    }

    #[test]
    fn a_sound_conversation_has_nothing_wrong() {
        assert_eq!(wrong(|_, _| {}), Vec::<String>::new());
    }

    #[test]
    fn an_unacknowledged_message_may_be_there_or_not() {
        assert_eq!(wrong(|outbox, _| outbox.messages[2].acknowledged = None), Vec::<String>::new());
        let gone = wrong(|outbox, history| {
            outbox.messages[2].acknowledged = None;
            history.remove(4);
        });
        assert_eq!(gone, Vec::<String>::new());
    }

    #[test]
    fn a_lost_message_is_noticed() {
        let wrong = wrong(|_, history| {
            history.remove(2);
        });
        assert_eq!(wrong, ["LOST: message 1 of li, acknowledged as 10"]);
    }

    #[test]
    fn a_message_stored_twice_is_noticed() {
        let wrong = wrong(|_, history| {
            let again = Entry { id: 99, ..history[2].clone() };
            history.push(again);
        });
        assert!(wrong.contains(&"message 1 of li is there twice".to_owned()), "{wrong:?}");
    }

    #[test]
    fn another_id_than_the_acknowledged_one_is_noticed() {
        let wrong = wrong(|outbox, _| {
            let at = Instant::now();
            outbox.messages[0].acknowledged = Some((7, at));
        });
        assert_eq!(wrong, ["message 0 of li was acknowledged as 7, is stored as 0"]);
    }

    #[test]
    fn one_id_for_two_messages_is_noticed() {
        let wrong = wrong(|outbox, history| {
            history[2].id = 0;
            outbox.messages[1].acknowledged = outbox.messages[0].acknowledged;
        });
        assert_eq!(wrong, ["id 0 belongs to entries 1 and 3"]);
    }

    #[test]
    fn another_order_than_that_of_sending_is_noticed() {
        let wrong = wrong(|_, history| history.swap(2, 4));
        assert_eq!(wrong, ["message 1 of li stands behind one that was sent later"]);
    }

    #[test]
    fn what_nobody_sent_is_noticed() {
        let wrong = wrong(|_, history| {
            history.push(Entry { id: 50, sender: "li".to_owned(), text: "forged".to_owned() });
            history.push(Entry { id: 51, sender: "mallory".to_owned(), text: "hello".to_owned() });
        });
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }

    #[test]
    fn two_sides_that_differ_are_noticed() {
        let (one, other, history) = sound();
        let wrong = audit([&one, &other], [&history, &history[..5]]);
        assert_eq!(wrong, ["li sees 6 entries, wang 5; they differ from entry 6 on"]);
    }
}
