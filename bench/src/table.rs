//! How do figures look on a terminal?

use serde::Serialize;

/// The middle of several measurements, and how far they lie apart.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    /// As many were taken.
    pub(crate) count: usize,
    /// The least.
    pub(crate) least: f64,
    /// The middle one.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) greatest: f64,
}

impl Spread {
    /// Of all `values`; zeros if there is none.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self {
            count: values.len(),
            least: at(0),
            median: at(values.len() / 2),
            greatest: at(values.len().saturating_sub(1)),
        }
    }

    /// How many times as much it is as another, by the middles.
    pub(crate) fn times(&self, another: &Self) -> String {
        format!("{:.2}", self.median / another.median)
    }

    /// In words, with a unit.
    pub(crate) fn say(&self, unit: &str) -> String {
        let digits = |value: f64| match value {
            value if value.abs() >= 100.0 => format!("{value:.0}"),
            value if value.abs() >= 10.0 => format!("{value:.1}"),
            value if value.abs() >= 1.0 => format!("{value:.2}"),
            value => format!("{value:.3}"),
        };
        let (least, median, greatest) =
            (digits(self.least), digits(self.median), digits(self.greatest));
        format!("{median} {unit} ({least} to {greatest})")
    }
}

/// Prints rows under a head, the first column to the left and the others to the right.
pub(crate) fn print(title: &str, head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or_default()
    };
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(column)),
            _ => format!("{cell:>0$}", width(column)),
        });
        println!("  {}", cells.collect::<Vec<_>>().join("   ").trim_end());
    };
    println!("\n{title}\n");
    line(head.to_vec());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
}
