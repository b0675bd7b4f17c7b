/// The page's look, light and dark, on the screen and on paper.
///
/// Colours of `Role` are custom properties here (`--in-context`, `--control`, ...), which SVG elements refer to: one
/// drawing serves both looks.
enum StyleSheet {
    /// Put into the page's head as it is, so that a report is one file. Nothing in it comes from a run.
    static let text = """
        :root {
          --page: #f7f8fa; --card: #ffffff; --ink: #171a1f; --soft: #59616d; --hair: #e3e6eb; --grid: #e9ecf0;
          --axis: #9aa2ae; --empty: #eceff3; --frame: #171a1f;
          --in-context: #1f5fd0; --control: #c8500a; --source: #0b8a5f; --random: #7a828e; --optimum: #30353d;
          --quantity: #5b4bb7; --second-quantity: #a8347c;
          --variant-1: #1f5fd0; --variant-2: #c8500a; --variant-3: #7a35b0; --variant-4: #a07800;
          --variant-5: #0889a8; --variant-6: #c9257f; --variant-7: #74431c; --variant-8: #6a8a00;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #111418; --card: #191d23; --ink: #e9ecf1; --soft: #a3acb9; --hair: #2b313a; --grid: #272d36;
            --axis: #6b7583; --empty: #262c35; --frame: #ffffff;
            --in-context: #79a8ff; --control: #ff9a5c; --source: #4ccfa0; --random: #98a2b0; --optimum: #d5dae2;
            --quantity: #a99cf5; --second-quantity: #ee8fc6;
            --variant-1: #79a8ff; --variant-2: #ff9a5c; --variant-3: #c794f2; --variant-4: #e3c04a;
            --variant-5: #55cfe8; --variant-6: #ff86bd; --variant-7: #cf9c72; --variant-8: #b8d85a;
          }
        }
        @media print { :root { --page: #ffffff; } figure, .highlight { break-inside: avoid; } }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--ink); -webkit-font-smoothing: antialiased;
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
        }
        main { max-width: 1220px; margin: 0 auto; padding: 44px 28px 72px; }
        h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.015em; margin: 2px 0 6px; }
        h2 { font-size: 21px; letter-spacing: -0.01em; margin: 52px 0 6px; }
        h3 { font-size: 15px; margin: 0 0 10px; font-weight: 650; }
        p { margin: 0; }
        .kicker { color: var(--soft); font-size: 13px; letter-spacing: 0.06em; text-transform: uppercase; }
        .subtitle { color: var(--soft); }
        .summary { margin-top: 16px; max-width: 74ch; font-size: 17px; }
        .lead { color: var(--soft); max-width: 84ch; margin-bottom: 16px; }
        .highlights { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px; margin-top: 26px; }
        .highlight { background: var(--card); border: 1px solid var(--hair); border-radius: 10px; padding: 14px 16px; }
        .highlight .name { color: var(--soft); font-size: 13px; }
        .highlight .value {
          font-size: 27px; line-height: 1.25; font-weight: 650; letter-spacing: -0.02em; font-variant-numeric: tabular-nums;
        }
        .highlight .detail { color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
        .remarks { color: var(--soft); margin: 18px 0 0; padding-left: 20px; }
        .figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 18px; margin-top: 14px; }
        figure {
          margin: 0; min-width: 0; background: var(--card); border: 1px solid var(--hair); border-radius: 12px;
          padding: 18px 20px 16px;
        }
        .wide { grid-column: 1 / -1; }
        figcaption { color: var(--soft); font-size: 13px; line-height: 1.5; margin-top: 10px; }
        figcaption b { color: var(--ink); font-weight: 650; }
        a { color: var(--in-context); text-underline-offset: 2px; }
        @media (max-width: 860px) { .figures, .tables { grid-template-columns: 1fr !important; } }
        svg.figure { display: block; width: 100%; height: auto; overflow: visible; font-family: inherit; }
        svg text { font-variant-numeric: tabular-nums; }
        .tick { font-size: 12px; fill: var(--soft); }
        .axis-title { font-size: 12.5px; fill: var(--ink); }
        .series { font-size: 12.5px; font-weight: 600; }
        .grid { stroke: var(--grid); stroke-width: 1; }
        .axis { stroke: var(--axis); stroke-width: 1; }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .faint { stroke-width: 1; opacity: 0.35; }
        .band { opacity: 0.16; stroke: none; }
        .reference { stroke-width: 1.4; stroke-dasharray: 5 4; }
        .leader { stroke-width: 1; opacity: 0.45; }
        .whisker { stroke-width: 1.6; opacity: 0.7; }
        .bar-whisker { stroke: var(--ink); stroke-width: 1.6; opacity: 0.75; }
        .dot { stroke: var(--card); stroke-width: 1.5; }
        .cell { stroke: none; }
        .held-out { stroke: var(--frame); stroke-width: 2.4; }
        .cell-text { font-weight: 600; }
        .start { fill: var(--soft); }
        .tables { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 18px; margin-top: 14px; }
        .tables > div, details {
          background: var(--card); border: 1px solid var(--hair); border-radius: 12px; padding: 16px 20px; min-width: 0;
        }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--hair); vertical-align: top; }
        tr:last-child > * { border-bottom: none; }
        thead th { color: var(--soft); font-weight: 600; }
        tbody th { font-weight: 400; color: var(--soft); white-space: nowrap; }
        td { overflow-wrap: anywhere; }
        summary { cursor: pointer; font-weight: 650; font-size: 15px; }
        """
}
