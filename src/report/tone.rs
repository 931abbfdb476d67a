//! What a piece of text stands for, in colour and beside its words.

use super::claim::ClaimVerdict;
use super::verdict::Verdict;

/// Colours a text where there are colours; never all that tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
    Doubtful,
}

impl Tone {
    pub fn of(verdict: &Verdict) -> Tone {
        match verdict {
            Verdict::Reproduced => Tone::Good,
            Verdict::Above | Verdict::Below => Tone::Bad,
            Verdict::Inconclusive(_) => Tone::Doubtful,
            _ => Tone::Faint,
        }
    }

    pub fn of_claim(verdict: ClaimVerdict) -> Tone {
        match verdict {
            ClaimVerdict::Holds => Tone::Good,
            ClaimVerdict::Reversed => Tone::Bad,
            ClaimVerdict::Undecided => Tone::Doubtful,
        }
    }

    /// The class that the pages' style sheet knows it by.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Strong => "strong",
            Tone::Faint => "faint",
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Doubtful => "doubtful",
        }
    }
}

/// `text` in the terminal's colour of `tone`.
pub fn paint(text: &str, tone: Tone, colour: bool) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Strong => "1",
        Tone::Faint => "2",
        Tone::Good => "32",
        Tone::Bad => "31",
        Tone::Doubtful => "33",
    };
    if colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
