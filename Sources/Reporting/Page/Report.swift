import Files
package import Foundation
import Quantities

/// What a run showed: figures, tables and a few numbers; written as one HTML page with CSV files beside it.
///
/// A value; `init(_ contents: RunContents)` makes that of a run. All texts are plain, and are escaped when the page is
/// made.
package struct Report: Sendable {
    /// One number that is told in large type.
    package struct Highlight: Sendable {
        /// A few words above the number.
        package var title: String
        /// As it is to be read, with its unit.
        package var value: String
        /// A few words below the number.
        package var detail: String

        /// Texts are plain; nothing is escaped yet.
        package init(_ title: String, _ value: String, _ detail: String) {
            self.title = title
            self.value = value
            self.detail = detail
        }
    }

    /// Fields are text, already formatted (`NumberText`). The first field of each row is its heading.
    package struct Table: Sendable {
        /// Stands above the table, or on its fold.
        package var title: String
        /// Empty for a table of names and values.
        package var columns: [String]
        /// (rows, columns).
        package var rows: [[String]]
        /// Folded away until it is asked for.
        package var isFolded: Bool
        /// Takes the whole width: for many columns.
        package var isWide: Bool

        /// Every row has as many fields as `columns`, or two where that is empty; nothing checks it.
        package init(
            _ title: String, columns: [String] = [], rows: [[String]], isFolded: Bool = false, isWide: Bool = false
        ) {
            self.title = title
            self.columns = columns
            self.rows = rows
            self.isFolded = isFolded
            self.isWide = isWide
        }
    }

    /// A heading with figures; left out of the page where it has none.
    package struct Section: Sendable {
        package var title: String
        /// A sentence below the heading; empty for none.
        package var introduction: String
        /// Figures side by side where there is room; the first alone if `leadsWide`.
        package var figures: [any Figure]
        /// The first figure takes the whole width.
        package var leadsWide: Bool

        package init(_ title: String, _ introduction: String, _ figures: [any Figure], leadsWide: Bool = false) {
            self.title = title
            self.introduction = introduction
            self.figures = figures
            self.leadsWide = leadsWide
        }
    }

    /// Name of the run.
    package var title: String
    /// Environment, date and version.
    package var subtitle: String
    /// A sentence or two that say what was found.
    package var summary: String
    /// From left to right, at the head of the page.
    package var highlights: [Highlight]
    /// In the order of the page.
    package var sections: [Section]
    /// After the figures, in this order.
    package var tables: [Table]
    /// Stands above the tables.
    package var tablesTitle = "Settings, versions, counts"
    /// What could not be shown, and why.
    package var remarks: [String]
    /// What the experiment claims, judged; a table of the page too.
    package var claims: [JudgedClaim]

    /// For tests and for reports that are not of a run; `init(_ contents:)` makes those that are.
    package init(
        title: String, subtitle: String, summary: String, highlights: [Highlight], sections: [Section],
        tables: [Table], remarks: [String] = [], claims: [JudgedClaim] = []
    ) {
        self.title = title
        self.subtitle = subtitle
        self.summary = summary
        self.highlights = highlights
        self.sections = sections
        self.tables = tables
        self.remarks = remarks
        self.claims = claims
    }

    /// In the order of the page; their names must differ, since each is a file's.
    ///
    /// A name that occurs twice would overwrite the first figure's numbers.
    package var figures: [any Figure] { sections.flatMap(\.figures) }

    /// Writes `report.html`, `report/*.csv` and `report/claims.json` into `folder`; files of an earlier report are
    /// replaced.
    ///
    /// Each file takes its place whole. Throws where the folder cannot be written into.
    ///
    /// The page is written last, so that its links lead to files that exist.
    package func write(into folder: URL) throws {
        let numbers = folder.appendingPathComponent("report").path
        try Folder.create(numbers)
        for name in try Folder.names(in: numbers) where name.hasSuffix(".csv") || name == Self.claimsFile {
            try Folder.removeFile(numbers + "/" + name)
        }
        if !claims.isEmpty { try AtomicFile.write(try claimsJSON(), to: numbers + "/\(Self.claimsFile)") }
        for figure in figures { try AtomicFile.write(figure.csv, to: numbers + "/\(figure.name).csv") }
        try AtomicFile.write(html, to: folder.appendingPathComponent("report.html").path)
    }

    /// Beside the figures' numbers.
    private static let claimsFile = "claims.json"

    /// One list with an object for each claim.
    private func claimsJSON() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(claims)
    }
}
