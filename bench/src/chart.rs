//! How does the wait for a new base version look?

use std::fmt::Write as _;
use std::path::Path;

use crate::Failure;
use crate::latency::{Row, Strategy, span};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 48.0;

/// The ends of the axis, in hours; it is logarithmic between them.
const FIRST: f64 = 0.4;
const LAST: f64 = 340.0;

/// Where the axis has marks, in hours.
const MARKS: [(f64, &str); 8] = [
    (0.5, "30 min"),
    (1.0, "1 h"),
    (3.0, "3 h"),
    (6.0, "6 h"),
    (12.0, "12 h"),
    (24.0, "1 day"),
    (72.0, "3 days"),
    (168.0, "7 days"),
];

fn colour(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Ours => "#0a7d5a",
        Strategy::Rules => "#c2410c",
        Strategy::NativeHourly => "#2563eb",
        Strategy::NativeDaily => "#7c3aed",
    }
}

/// Two lines may lie on each other: the wide one shows beside the dashes of the other.
fn stroke(strategy: Strategy) -> String {
    let style = match strategy {
        Strategy::Ours => r#"stroke-width="5""#,
        Strategy::Rules => r#"stroke-width="2" stroke-dasharray="5 4""#,
        Strategy::NativeHourly | Strategy::NativeDaily => r#"stroke-width="2.2""#,
    };
    format!(r#"stroke="{}" {style}"#, colour(strategy))
}

fn x(hours: f64) -> f64 {
    let part = (hours.max(FIRST) / FIRST).ln() / (LAST / FIRST).ln();
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn y(share: f64) -> f64 {
    HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
}

/// Draws how many pipelines have become current by which time, a line for each strategy.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn draw(rows: &[Row], file: &Path) -> Result<(), Failure> {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="How long pipelines wait for a new base version">
<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>
<text x="{LEFT}" y="24" font-size="15" font-weight="600" fill="#111827">Pipelines that hold a new base version, by the time since it came out</text>
<text x="{LEFT}" y="42" fill="#6b7280">{fleet}; builds take 30 minutes; the time axis is logarithmic</text>
"##,
        fleet = rows.first().map_or("", |row| row.fleet),
    );
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (at, left, right) = (y(share), LEFT, WIDTH - RIGHT);
        writeln!(
            svg,
            r##"<path d="M{left} {at:.1}H{right}" stroke="#e5e7eb"/><text x="{text}" y="{base:.1}" text-anchor="end" fill="#6b7280">{percent:.0} %</text>"##,
            text = LEFT - 8.0,
            base = at + 4.0,
            percent = share * 100.0,
        )?;
    }
    for (hours, label) in MARKS {
        writeln!(
            svg,
            r##"<path d="M{at:.1} {top}V{bottom}" stroke="#f3f4f6"/><text x="{at:.1}" y="{text}" text-anchor="middle" fill="#6b7280">{label}</text>"##,
            at = x(hours),
            top = y(1.0),
            bottom = y(0.0),
            text = HEIGHT - BOTTOM + 20.0,
        )?;
    }
    for row in rows {
        line(&mut svg, row)?;
    }
    legend(&mut svg, rows)?;
    svg.push_str("</svg>\n");
    std::fs::write(file, svg)?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "fleets are smaller than that")]
fn line(svg: &mut String, row: &Row) -> Result<(), Failure> {
    let count = row.hours.len() as f64;
    let mut path = format!("M{:.1} {:.1}", x(FIRST), y(0.0));
    // A step where the time moves by what can be seen.
    let mut drawn = f64::NEG_INFINITY;
    for (index, hours) in row.hours.iter().enumerate() {
        let at = x(*hours);
        if at - drawn >= 0.5 {
            write!(path, "H{at:.1}V{:.1}", y((index + 1) as f64 / count))?;
            drawn = at;
        }
    }
    write!(path, "V{:.1}", y(1.0))?;
    writeln!(
        svg,
        r#"<path d="{path}" fill="none" {} stroke-linejoin="round"/>"#,
        stroke(row.strategy)
    )?;
    Ok(())
}

fn legend(svg: &mut String, rows: &[Row]) -> Result<(), Failure> {
    // Between those who are done within hours and those who take days.
    let left = x(6.4);
    #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
    for (index, row) in rows.iter().enumerate() {
        let at = y(0.88) + 20.0 * index as f64;
        let last = row.hours.last().copied().unwrap_or_default();
        writeln!(
            svg,
            r##"<path d="M{left:.1} {at:.1}h22" {}/><text x="{:.1}" y="{:.1}" fill="#111827">{}: {}, {} builds</text>"##,
            stroke(row.strategy),
            left + 28.0,
            at + 4.0,
            row.strategy.label(),
            span(last),
            row.builds,
        )?;
    }
    Ok(())
}
