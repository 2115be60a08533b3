//! Templates of an app's pushes: titles and texts with places that each message fills (easemob-rest.md 3.16).

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PushHints, PushProfile, PushRefused, Style};

/// Templates of one app. The vendor has as many.
pub(super) const TEMPLATES: usize = 10;
/// The template of who names none.
const DEFAULT: &str = "default";
const NAME_CHARS: usize = 64;
const PATTERN_CHARS: usize = 512;
/// Characters of a filled pattern.
const FILLED_CHARS: usize = 1_024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub name: String,
    pub title: String,
    pub content: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A template that a message names, with what stands in its numbered places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateUse {
    pub name: String,
    pub title_args: Vec<String>,
    pub content_args: Vec<String>,
}

/// Decides a template's making, or its change where `must_exist`. Order: name, patterns, whether it is there, how many
/// there are. One that is there already is replaced.
///
/// # Errors
/// [`PushRefused`]: setting, template not found, templates full.
pub fn decide_template(
    templates: &[Template],
    name: &str,
    (title, content): (&str, &str),
    must_exist: bool,
    at: Timestamp,
) -> Result<(Vec<Template>, Template), PushRefused> {
    let is_name = !name.is_empty()
        && name.len() <= NAME_CHARS
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !is_name {
        return Err(PushRefused::Template { name: "name" });
    }
    for (field, pattern) in [("title_pattern", title), ("content_pattern", content)] {
        if pattern.is_empty() || pattern.chars().count() > PATTERN_CHARS {
            return Err(PushRefused::Template { name: field });
        }
    }
    let held = templates.iter().find(|template| template.name == name);
    if must_exist && held.is_none() {
        return Err(PushRefused::TemplateNotFound { name: name.to_owned() });
    }
    if held.is_none() && templates.len() >= TEMPLATES {
        return Err(PushRefused::TemplatesFull);
    }
    let template = Template {
        name: name.to_owned(),
        title: title.to_owned(),
        content: content.to_owned(),
        created: held.map_or(at, |held| held.created),
        updated: at,
    };
    let others = templates.iter().filter(|other| other.name != name).cloned();
    Ok((others.chain([template.clone()]).collect(), template))
}

/// Decides that a template goes; gives the others and it.
///
/// # Errors
/// [`PushRefused::TemplateNotFound`].
pub fn decide_drop_template(
    templates: &[Template],
    name: &str,
) -> Result<(Vec<Template>, Template), PushRefused> {
    let (gone, stay): (Vec<_>, Vec<_>) =
        templates.iter().cloned().partition(|template| template.name == name);
    let gone = gone.into_iter().next();
    gone.map(|gone| (stay, gone)).ok_or_else(|| PushRefused::TemplateNotFound { name: name.to_owned() })
}

/// What a notification says: title, and content if there is one. The weakest first: the user's display style, the default
/// template, the sender's own words, the user's template, the template that the message names. `preview`: what the message
/// says, in short; `sender`: the name that pushes show.
pub fn words(
    templates: &[Template],
    profile: &PushProfile,
    hints: &PushHints,
    preview: Option<&str>,
    sender: &str,
) -> (String, Option<String>) {
    let find = |name: &str| templates.iter().find(|template| template.name == name);
    let filled = |template: &Template, used: &TemplateUse| {
        let fill = |pattern: &str, arguments: &[String]| {
            fill(pattern, arguments, sender, preview.unwrap_or_default())
        };
        (fill(&template.title, &used.title_args), Some(fill(&template.content, &used.content_args)))
    };
    if let Some(used) = &hints.template
        && let Some(template) = find(&used.name)
    {
        return filled(template, used);
    }
    let nothing = TemplateUse::default();
    if let Some(template) = profile.template.as_deref().and_then(find) {
        return filled(template, &nothing);
    }
    let (title, content) = match find(DEFAULT) {
        Some(template) => filled(template, &nothing),
        None => {
            let shows = profile.style.unwrap_or_default() == Style::Content;
            (sender.to_owned(), preview.filter(|_| shows).map(str::to_owned))
        }
    };
    (hints.title.clone().unwrap_or(title), hints.content.clone().or(content))
}

/// Puts words into the places of a pattern. A place that nothing is known for is empty; braces around anything else stay.
fn fill(pattern: &str, arguments: &[String], sender: &str, message: &str) -> String {
    let mut filled = String::new();
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        let place = behind.split_once('}');
        let words = place.and_then(|(place, _)| match place {
            "$fromNickname" | "$dynamicFrom" => Some(sender),
            "$msg" => Some(message),
            number => {
                let index = number.parse::<usize>().ok()?;
                Some(arguments.get(index).map_or("", String::as_str))
            }
        });
        match (words, place) {
            (Some(words), Some((_, behind))) => {
                filled.push_str(words);
                rest = behind;
            }
            _ => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    filled.chars().take(FILLED_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(7);

    fn made(names: &[&str]) -> Vec<Template> {
        names.iter().fold(Vec::new(), |templates, name| {
            let title = format!("{name} {{0}}");
            decide_template(&templates, name, (&title, "{$fromNickname}: {$msg}"), false, NOW).unwrap().0
        })
    }

    #[test]
    fn templates_are_made_changed_and_dropped() {
        let templates = made(&["a"]);
        let later = Timestamp(9);
        let (changed, template) = decide_template(&templates, "a", ("t", "c"), true, later).unwrap();
        assert_eq!((template.created, template.updated, changed.len()), (NOW, later, 1));
        let unknown = PushRefused::TemplateNotFound { name: "b".to_owned() };
        assert_eq!(decide_template(&changed, "b", ("t", "c"), true, NOW), Err(unknown.clone()));
        assert_eq!(decide_drop_template(&changed, "b"), Err(unknown));
        assert_eq!(decide_drop_template(&changed, "a").unwrap().0, []);
        let names: Vec<String> = (0..TEMPLATES).map(|number| format!("t{number}")).collect();
        let full = made(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(decide_template(&full, "more", ("t", "c"), false, NOW), Err(PushRefused::TemplatesFull));
        assert!(decide_template(&full, "t1", ("t", "c"), false, NOW).is_ok());
        let long = "x".repeat(PATTERN_CHARS + 1);
        for (name, title, content) in [("", "t", "c"), ("a b", "t", "c"), ("a", "", "c"), ("a", "t", &long)] {
            let refused = decide_template(&[], name, (title, content), false, NOW);
            assert!(matches!(refused, Err(PushRefused::Template { .. })), "{name:?}");
        }
    }

    #[test]
    fn what_is_said_nearer_to_the_message_counts_more() {
        let templates = made(&[DEFAULT, "own", "named"]);
        let mut profile = PushProfile::default();
        let mut hints = PushHints::default();
        let say = |templates: &[Template], profile: &PushProfile, hints: &PushHints| {
            let (title, content) = words(templates, profile, hints, Some("hi"), "Al");
            (title, content.unwrap_or_default())
        };
        let said = |title: &str, content: &str| (title.to_owned(), content.to_owned());
        assert_eq!(say(&[], &profile, &hints), said("Al", ""));
        profile.style = Some(Style::Content);
        assert_eq!(say(&[], &profile, &hints), said("Al", "hi"));
        assert_eq!(say(&templates, &profile, &hints), said("default ", "Al: hi"));
        hints.title = Some("Mine".to_owned());
        assert_eq!(say(&templates, &profile, &hints), said("Mine", "Al: hi"));
        profile.template = Some("own".to_owned());
        assert_eq!(say(&templates, &profile, &hints), said("own ", "Al: hi"));
        hints.template = Some(TemplateUse {
            name: "named".to_owned(),
            title_args: vec!["x".to_owned()],
            content_args: Vec::new(),
        });
        assert_eq!(say(&templates, &profile, &hints), said("named x", "Al: hi"));
        hints.template = Some(TemplateUse { name: "gone".to_owned(), ..TemplateUse::default() });
        assert_eq!(say(&templates, &profile, &hints).0, "own ");
    }

    #[test]
    fn places_are_filled_and_everything_else_stays() {
        let arguments = ["{1}".to_owned(), "b".to_owned()];
        let filled = |pattern: &str| fill(pattern, &arguments, "Al", "hi");
        assert_eq!(filled("{1}{0} {7}{$dynamicFrom}"), "b{1} Al");
        assert_eq!(filled("{x} {$other} {"), "{x} {$other} {");
        assert_eq!(filled("{{1}}"), "{b}");
    }
}
