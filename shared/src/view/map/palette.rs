//! Which colours does the map have?

use std::fmt::Write as _;

use crate::view::State;
use crate::view::state::STATES;

/// The colours of a theme.
#[derive(Debug)]
pub(super) struct Palette {
    /// Behind everything.
    pub(super) ground: &'static str,
    /// Behind the text of a card.
    card: &'static str,
    /// Text.
    pub(super) ink: &'static str,
    /// Text of less weight.
    soft: &'static str,
    /// The border of a card.
    line: &'static str,
    /// From an image to what is built on it.
    edge: &'static str,
    /// What is chosen by the keyboard or a link.
    focus: &'static str,
    /// By state.
    state: fn(State) -> &'static str,
}

pub(super) const LIGHT: Palette = Palette {
    ground: "#fbfaf7",
    card: "#ffffff",
    ink: "#1c2530",
    soft: "#586370",
    line: "#d6d9d3",
    edge: "#87908a",
    focus: "#0a5fb3",
    state: |state| match state {
        State::Failing => "#b3261e",
        State::Unreadable => "#a02c72",
        State::WouldStart => "#006d77",
        State::Building => "#0a5fb3",
        State::Deferred => "#955700",
        State::Waiting => "#5f656d",
        State::Held => "#766000",
        State::Pinned => "#7546ac",
        State::Skipped | State::Ignored => "#626a72",
        State::UpToDate => "#0b7558",
        State::Base => "#586370",
    },
};

pub(super) const DARK: Palette = Palette {
    ground: "#12181f",
    card: "#1a222c",
    ink: "#e3e9f0",
    soft: "#9aa7b4",
    line: "#303c49",
    edge: "#657384",
    focus: "#7cc4ff",
    state: |state| match state {
        State::Failing => "#ff8178",
        State::Unreadable => "#f291c7",
        State::WouldStart => "#4fc9d3",
        State::Building => "#66b7f2",
        State::Deferred => "#f0a63c",
        State::Waiting => "#a3adb8",
        State::Held => "#e0c04a",
        State::Pinned => "#c39df6",
        State::Skipped | State::Ignored => "#98a4b0",
        State::UpToDate => "#3fc79a",
        State::Base => "#9aa7b4",
    },
};

impl Palette {
    /// As custom properties of a style sheet.
    pub(super) fn properties(&self) -> String {
        let mut properties = String::new();
        for (name, colour) in [
            ("ground", self.ground),
            ("card", self.card),
            ("ink", self.ink),
            ("soft", self.soft),
            ("line", self.line),
            ("edge", self.edge),
            ("focus", self.focus),
        ] {
            let _ = write!(properties, "--{name}:{colour};");
        }
        for state in STATES {
            let _ = write!(properties, "--is-{}:{};", state.code(), (self.state)(state));
        }
        properties
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn given_black_on_white_then_the_contrast_is_the_largest() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff") - 4.478).abs() < 1e-3);
    }

    #[test]
    fn given_both_themes_then_text_has_a_contrast_of_four_and_a_half_and_lines_of_three() {
        for palette in [LIGHT, DARK] {
            let states = STATES.map(palette.state);
            for text in [palette.ink, palette.soft, palette.focus].into_iter().chain(states) {
                for behind in [palette.ground, palette.card] {
                    let found = contrast(text, behind);
                    assert!(found >= 4.5, "{text} on {behind}: {found:.2}");
                }
            }
            let found = contrast(palette.edge, palette.ground);
            assert!(found >= 3.0, "{} on {}: {found:.2}", palette.edge, palette.ground);
        }
    }
}
