//! How do the parts of the map look?

use super::palette::{DARK, LIGHT};
use crate::view::state::STATES;

/// Every rule begins with this class: in a dashboard, and in the page of the local server, the map is one
/// part of many.
pub const CLASS: &str = "image-fleet";

const RULES: &str = r#"
.image-fleet{background:var(--ground);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-emoji:text}
.image-fleet *{box-sizing:border-box}
.image-fleet cwdb-action{display:none}
.image-fleet a{color:inherit;cursor:pointer}
.image-fleet a:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
.image-fleet .btn{display:inline-block;border:1px solid var(--edge);border-radius:999px;padding:2px 14px;margin-right:8px;font-weight:600;font-size:13px;background:var(--card);text-decoration:none}
.image-fleet .btn:hover{border-color:var(--focus)}
.image-fleet h2{font-size:15px;line-height:1.4;font-weight:600;margin:26px 0 6px;color:var(--ink)}
.image-fleet p{margin:0;overflow-wrap:anywhere}
.image-fleet .about{color:var(--soft);margin:0 0 12px}
.image-fleet .soft{color:var(--soft);font-size:12px}
.image-fleet .foot{margin-top:12px}
.image-fleet .problems{border:1px solid var(--is-failing);border-left-width:5px;border-radius:7px;background:var(--card);padding:8px 14px;margin:0 0 14px;max-width:1150px}
.image-fleet .problems h2{margin:0;color:var(--is-failing);font-size:13.5px}
.image-fleet .problems ul{margin:2px 0 0;padding-left:18px;overflow-wrap:anywhere}
.image-fleet .chips{display:flex;flex-wrap:wrap;gap:6px 8px;margin:0 0 18px;padding:0;list-style:none}
.image-fleet .chips li{border:1px solid var(--line);background:var(--card);border-radius:999px;padding:2px 12px 2px 10px;font-size:12.5px;margin:0;white-space:nowrap}
.image-fleet .chips b{color:var(--s);display:inline-block;min-width:14px;text-align:center;margin-right:3px}
.image-fleet .chips a{text-decoration:underline;text-decoration-color:var(--edge);text-underline-offset:3px}
.image-fleet .scroll{overflow-x:auto;padding:4px 6px 8px 2px}
.image-fleet .levels{position:relative}
.image-fleet .edges{position:absolute;left:0;top:0;overflow:visible}
.image-fleet .edges path{fill:none;stroke:var(--edge);stroke-width:1.5}
.image-fleet .edges .lags{stroke:var(--is-deferred);stroke-width:1.8;stroke-dasharray:5 4}
.image-fleet .edges .back{stroke:var(--is-failing);stroke-dasharray:2 4}
.image-fleet .card{position:absolute;display:grid;grid-template-columns:20px minmax(0,1fr);column-gap:8px;align-content:center;padding:0 10px 0 8px;border:1px solid var(--line);border-left:5px solid var(--s);border-radius:7px;background:var(--card);color:var(--ink);text-decoration:none;line-height:1.35}
.image-fleet .card .row{grid-column:2;display:flex;gap:8px;min-width:0;align-items:baseline}
.image-fleet .row span{overflow:hidden;text-overflow:ellipsis;white-space:pre;unicode-bidi:isolate}
.image-fleet .card .mark{grid-row:1/3;align-self:center;width:20px;height:20px;line-height:20px;border-radius:5px;text-align:center;font-weight:700;font-size:13px;color:var(--s)}
.image-fleet .card.attention .mark{background:var(--s);color:var(--card)}
.image-fleet .card .name{flex:1 1 auto;font-weight:600;font-size:13px}
.image-fleet .card .version{color:var(--soft);font:11.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;flex:none;max-width:110px}
.image-fleet .card .line{flex:1 1 auto;color:var(--soft);font-size:11.5px}
.image-fleet .card .line b{color:var(--s);margin-right:3px}
.image-fleet .card .line i{font-style:normal;margin-right:10px}
.image-fleet .card .age{flex:none;color:var(--soft);font-size:11.5px}
.image-fleet .card.attention{border-color:var(--s)}
.image-fleet .card.base{border-style:dashed;border-left-style:solid;background:var(--ground)}
.image-fleet .card.many{box-shadow:2px 2px 0 -1px var(--card),2px 2px 0 0 var(--line)}
.image-fleet .card:hover{border-color:var(--s);box-shadow:0 0 0 1px var(--s);z-index:1}
.image-fleet .card:target{box-shadow:0 0 0 3px var(--focus)}
.image-fleet .dense .card{line-height:1.25}
.image-fleet .dense .name{font-size:12.5px}
.image-fleet .dense .card .line,.image-fleet .dense .card .age,.image-fleet .dense .card .version{font-size:11px}
.image-fleet table{border-collapse:collapse;width:100%;max-width:1150px;background:none}
.image-fleet th,.image-fleet td{text-align:left;padding:5px 16px 5px 0;border:0;border-bottom:1px solid var(--line);font-weight:400;vertical-align:top;color:var(--ink);background:none;overflow-wrap:anywhere;unicode-bidi:isolate}
.image-fleet thead th{color:var(--soft);font-weight:500;font-size:12px;white-space:nowrap}
.image-fleet tbody th{font-weight:600;min-width:150px}
.image-fleet tbody tr:target{background:var(--card);box-shadow:0 0 0 2px var(--focus)}
.image-fleet tbody th b{color:var(--s);display:inline-block;width:18px}
.image-fleet tbody th a{text-decoration:underline;text-decoration-color:var(--edge);text-underline-offset:3px}
.image-fleet .span{white-space:nowrap;font-variant-numeric:tabular-nums}
.image-fleet .folded{margin-top:20px;max-width:1150px}
.image-fleet .folded summary{cursor:pointer;font-size:13px}
.image-fleet .folded dt{font-weight:600;font-size:13px;margin:10px 0 0}
.image-fleet .folded dt b{color:var(--s);display:inline-block;width:18px}
.image-fleet .folded dd{margin:0 0 0 18px;color:var(--soft);font-size:12.5px;overflow-wrap:anywhere}
.image-fleet .folded dt:target{box-shadow:0 0 0 2px var(--focus)}
@media print{.image-fleet .scroll{overflow:visible}}
"#;

/// The style sheet of the map, in the theme that the reader prefers.
pub fn style() -> String {
    format!(
        ".{CLASS}{{color-scheme:light dark;{}}}\n@media(prefers-color-scheme:dark){{.{CLASS}{{{}}}}}{}",
        LIGHT.properties(),
        DARK.properties(),
        rules()
    )
}

/// The same in one theme.
pub(super) fn style_of(dark: bool) -> String {
    let (scheme, palette) = if dark { ("dark", DARK) } else { ("light", LIGHT) };
    format!(
        ".{CLASS}{{color-scheme:{scheme};padding:10px 14px;{}}}{}",
        palette.properties(),
        rules()
    )
}

fn rules() -> String {
    let state = |code: &str| format!(".{CLASS} .{code}{{--s:var(--is-{code})}}\n");
    let states = STATES.map(|it| state(it.code()));
    format!("{RULES}{}", states.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each selector of a style sheet that has a rule a line.
    fn selectors(style: &str) -> Vec<&str> {
        let rules = style.lines().filter(|it| !it.is_empty());
        let rules = rules.map(|it| {
            let media = it.split_once("){").filter(|_| it.starts_with("@media"));
            media.map_or(it, |(_, rule)| rule)
        });
        rules
            .filter_map(|it| it.trim_start_matches("@media print{").split_once('{'))
            .flat_map(|(it, _)| it.split(','))
            .collect()
    }

    #[test]
    fn given_the_style_sheets_then_each_rule_holds_within_the_map_alone() {
        for style in [style(), style_of(false), style_of(true)] {
            let selectors = selectors(&style);
            assert!(selectors.len() > STATES.len());
            for selector in selectors {
                let within = selector.strip_prefix(".image-fleet").unwrap_or("outside");
                assert!(within.is_empty() || within.starts_with(' '), "{selector}");
            }
        }
    }

    #[test]
    fn given_the_style_sheets_then_nothing_is_loaded_and_no_tag_ends() {
        for word in ["url(", "@import", "http", "<", "expression"] {
            assert!(!style().contains(word), "{word}");
        }
    }
}
