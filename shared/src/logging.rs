//! How do the logs look?

use std::io::{self, Write};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::foreign_text::is_deceptive;

#[cfg(test)]
pub(crate) mod collected;

/// Logs one JSON object per line to standard output, from `level` on. Lambda's runtime is silenced,
/// because it logs every failure a second time.
pub fn log_from(level: Level) {
    let json = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_writer(|| Plain(io::stdout()));
    let filter = Targets::new().with_default(level).with_target("lambda_runtime", LevelFilter::OFF);
    tracing_subscriber::registry().with(json).with(filter).init();
}

/// A writer of whole lines, in which no foreign text breaks a line or changes the direction of
/// writing: JSON escapes control characters, and no others.
struct Plain<W>(W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let is_foreign = |c: char| c != '\n' && is_deceptive(c);
        if text.contains(is_foreign) {
            self.0.write_all(text.replace(is_foreign, " ").as_bytes())?;
        } else {
            self.0.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_foreign_text_then_it_stays_on_its_line_and_in_its_direction() {
        let mut written = Vec::new();
        let line = "{\"message\":\"gold is EVIL\u{2028}\u{202e}größer\"}\n";
        Plain(&mut written).write_all(line.as_bytes()).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written, "{\"message\":\"gold is EVIL  größer\"}\n");
    }

    #[test]
    fn given_lines_without_foreign_text_then_they_are_written_as_they_are() {
        let mut written = Vec::new();
        let mut plain = Plain(io::BufWriter::new(&mut written));
        // Bytes that are no text pass, too: nothing in them breaks a line.
        let line = b"{\"a\":1}\n\xff{}\n";
        assert_eq!(plain.write(line).unwrap(), line.len());
        plain.flush().unwrap();
        assert_eq!(plain.0.buffer().len(), 0, "it was flushed");
        let foreign = "a\u{2028}b\n";
        assert_eq!(plain.write(foreign.as_bytes()).unwrap(), foreign.len());
        drop(plain);
        assert_eq!(written, [&line[..], b"a b\n"].concat());
    }
}
