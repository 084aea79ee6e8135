//! How large is what is deployed?

use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::Failure;
use crate::table;

/// One function's package, in MiB.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    function: String,
    binary: f64,
    zip: f64,
}

/// Compresses each binary as a zip's deflate does.
///
/// # Errors
/// `python3` is not there, whose zip is used.
pub(crate) fn measure(root: &Path, python: &str) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for function in ["gold-cascade", "dependency-check"] {
        let binary = root.join("target/release").join(function);
        let zip = root.join("target/bench").join(format!("{function}.zip"));
        let made = Command::new(python)
            .args(["-c", "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=6) as z: z.write(sys.argv[2], 'bootstrap')"])
            .args([&zip, &binary])
            .status()?;
        if !made.success() {
            return Err(format!("{} is not made: {made}", zip.display()).into());
        }
        #[expect(clippy::cast_precision_loss, reason = "files are smaller than that")]
        let size = |path: &Path| std::fs::metadata(path).map(|it| it.len() as f64 / 1_048_576.0);
        rows.push(Row { function: function.to_owned(), binary: size(&binary)?, zip: size(&zip)? });
    }
    let cells = rows.iter().map(|row| {
        vec![row.function.clone(), format!("{:.2} MiB", row.binary), format!("{:.2} MiB", row.zip)]
    });
    table::print(
        "Packages, for this machine's processor",
        &["", "binary", "zip"],
        &cells.collect::<Vec<_>>(),
    );
    Ok(rows)
}
