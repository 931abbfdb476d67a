//! Numbers and tables as people read them.

/// Aligned columns, the first to the left and the others to the right, two spaces between. The first row is the head.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<String>>().join("\n")
}

/// A time to the precision that an estimate deserves: `40 s`, `12 min`, `3.5 h`, `9 days`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "under 1 s".to_owned(),
        s if s < 99.5 => format!("{s:.0} s"),
        s if s < 99.5 * 60.0 => format!("{:.0} min", s / 60.0),
        s if s < 72.0 * 3600.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86400.0),
    }
}

/// Three significant digits and a prefix: `1.25 T`. Put the unit after it.
pub fn prefixed(value: f64) -> String {
    const PREFIXES: [(f64, &str); 6] = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // What rounds up to the next prefix gets it.
    let Some((size, prefix)) = PREFIXES.iter().find(|(size, _)| value >= size * 0.9995) else {
        return format!("{value:.0} ");
    };
    let scaled = value / size;
    let digits = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.digits$} {prefix}")
}

/// `1 cell`, `2 cells`.
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(prefixed(1.25e12), "1.25 T");
        assert_eq!(prefixed(3e9), "3.00 G");
        assert_eq!(prefixed(12.0), "12 ");
        assert_eq!(prefixed(999_999.0), "1.00 M");
        let durations = [0.2, 40.0, 720.0, 12_600.0, 777_600.0].map(duration);
        assert_eq!(durations, ["under 1 s", "40 s", "12 min", "3.5 h", "9 days"]);
        assert_eq!((count(1, "cell"), count(2, "cell")), ("1 cell".to_owned(), "2 cells".to_owned()));
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["cell", "n"], ["a", "12"], ["longer", "3"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "cell     n\na       12\nlonger   3");
    }
}
