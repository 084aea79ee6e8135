//! How wide is the output, and may it have colours?

use std::io::Write;

use console::{Alignment, Style, Term, measure_text_width, pad_str, style, truncate_str};
use image_cascade::view::State;

/// Where the output goes.
pub(super) struct Terminal {
    term: Term,
    /// The width of a terminal; a pipe has none.
    width: Option<usize>,
}

impl Terminal {
    /// Standard output.
    pub(super) fn stdout() -> Self {
        let term = Term::stdout();
        let width = term.is_term().then(|| usize::from(term.size().1));
        Self { term, width }
    }

    /// The width, if there is one.
    pub(super) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Writes a line, cut to the width.
    pub(super) fn line(&mut self, text: &str) -> std::io::Result<()> {
        quiet(match self.width {
            Some(width) => writeln!(self.term, "{}", truncate_str(text, width, "…")),
            None => writeln!(self.term, "{text}"),
        })
    }

    /// The mark of a state, in its colour on a terminal and in ASCII elsewhere.
    pub(super) fn mark(&self, state: State) -> String {
        let mark = if self.width.is_some() { state.mark() } else { state.plain_mark() };
        painted(state).apply_to(mark).bold().to_string()
    }
}

/// A reader that has seen enough closes its pipe, which is no error.
pub(super) fn quiet(written: std::io::Result<()>) -> std::io::Result<()> {
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A column of names, no wider than leaves room for what is said of them.
pub(super) struct Column(usize);

impl Column {
    /// The column of these names on a terminal of this width.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>, width: Option<usize>) -> Self {
        let longest = names.map(measure_text_width).max().unwrap_or(0);
        let room = width.map_or(longest, |width| (width / 3).max(16));
        Self(longest.min(room))
    }

    /// A name, cut or padded to the width of the column.
    pub(super) fn cell(&self, name: &str) -> String {
        pad_str(name, self.0, Alignment::Left, Some("…")).into_owned()
    }
}

/// The colour of a state.
pub(super) fn painted(state: State) -> Style {
    match state {
        State::Failing | State::Unreadable => Style::new().red(),
        State::WouldStart | State::UpToDate => Style::new().green(),
        State::Building => Style::new().cyan(),
        State::Deferred | State::Held => Style::new().yellow(),
        State::Pinned => Style::new().magenta(),
        State::Waiting | State::Skipped | State::Ignored | State::Base => Style::new().dim(),
    }
}

/// A name that stands out.
pub(super) fn bold(text: &str) -> String {
    style(text).bold().to_string()
}

/// What is less important.
pub(super) fn dim(text: &str) -> String {
    style(text).dim().to_string()
}

/// Text in lines below each other, each no wider than the rest of the terminal after `indent`.
pub(super) fn wrapped(text: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    let rest = width.saturating_sub(indent).max(20);
    textwrap::wrap(text, rest).into_iter().map(std::borrow::Cow::into_owned).collect()
}
