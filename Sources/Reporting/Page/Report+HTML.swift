extension Report {
    /// The whole page; it refers to nothing outside itself but its own CSV files.
    ///
    /// UTF-8. Figures are numbered through all sections.
    ///
    /// Sections without figures are left out. The page needs no script and no network, so that it can be mailed as it
    /// is; the links to CSV files then lead nowhere.
    package var html: String {
        var page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(escaped(title))</title>
            <style>
            \(StyleSheet.text)
            </style>
            </head>
            <body>
            <main>
            <header>
            <p class="kicker">Distillery report</p>
            <h1>\(escaped(title))</h1>
            <p class="subtitle">\(escaped(subtitle))</p>
            <p class="summary">\(escaped(summary))</p>
            </header>

            """
        if !highlights.isEmpty {
            page += "<div class=\"highlights\">\n"
            for highlight in highlights {
                page += "<div class=\"highlight\"><p class=\"name\">\(escaped(highlight.title))</p>"
                page += "<p class=\"value\">\(escaped(highlight.value))</p>"
                page += "<p class=\"detail\">\(escaped(highlight.detail))</p></div>\n"
            }
            page += "</div>\n"
        }
        if !remarks.isEmpty {
            page += "<ul class=\"remarks\">\n" + remarks.map { "<li>\(escaped($0))</li>\n" }.joined() + "</ul>\n"
        }
        var number = 0
        for section in sections where !section.figures.isEmpty {
            page += "<section>\n<h2>\(escaped(section.title))</h2>\n"
            if !section.introduction.isEmpty { page += "<p class=\"lead\">\(escaped(section.introduction))</p>\n" }
            page += "<div class=\"figures\">\n"
            for (index, figure) in section.figures.enumerated() {
                number += 1
                page += html(of: figure, number: number, isWide: section.leadsWide && index == 0)
            }
            page += "</div>\n</section>\n"
        }
        if !tables.isEmpty {
            page += "<section>\n<h2>\(escaped(tablesTitle))</h2>\n<div class=\"tables\">\n"
            for table in tables { page += html(of: table) }
            page += "</div>\n</section>\n"
        }
        return page + "</main>\n</body>\n</html>\n"
    }

    /// With a link to its numbers in `report/`.
    ///
    /// The figure's name is the anchor that a link can point at.
    private func html(of figure: any Figure, number: Int, isWide: Bool) -> String {
        """
        <figure\(isWide ? " class=\"wide\"" : "") id="\(escaped(figure.name))">
        <h3>\(escaped(figure.title))</h3>
        \(figure.svg)<figcaption><b>Figure \(number).</b> \(escaped(figure.caption)) \
        <a href="report/\(escaped(figure.name)).csv">Numbers</a></figcaption>
        </figure>

        """
    }

    /// A folded one is a `<details>` element over the whole width.
    ///
    /// A wide table scrolls by itself, without moving the page.
    private func html(of table: Table) -> String {
        var text =
            table.isFolded
            ? "<details class=\"wide\"><summary>\(escaped(table.title))</summary>\n"
            : "<div\(table.isWide ? " class=\"wide\"" : "")>\n"
        if !table.isFolded { text += "<h3>\(escaped(table.title))</h3>\n" }
        text += "<div class=\"scroll\"><table>\n"
        if !table.columns.isEmpty {
            text += "<thead><tr>" + table.columns.map { "<th scope=\"col\">\(escaped($0))</th>" }.joined()
            text += "</tr></thead>\n"
        }
        text += "<tbody>\n"
        for row in table.rows {
            text += "<tr>"
            for (index, field) in row.enumerated() {
                text += index == 0 ? "<th scope=\"row\">\(escaped(field))</th>" : "<td>\(escaped(field))</td>"
            }
            text += "</tr>\n"
        }
        return text + "</tbody></table></div>\n" + (table.isFolded ? "</details>\n" : "</div>\n")
    }
}
