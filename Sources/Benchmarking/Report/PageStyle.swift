/// How a page looks: in light and dark mode, on a phone, by keyboard and on paper.
enum PageStyle {
  /// The colours of one mode, as hexadecimal digits. Those of the mechanisms are Okabe and Ito's, darkened or lightened for
  /// contrast with the background.
  struct Palette {
    let text: String
    let background: String
    let dim: String
    let line: String
    let row: String
    let tied: String
    let mechanisms: [String]

    /// As custom properties.
    var css: String {
      "--fg:#\(text);--bg:#\(background);--dim:#\(dim);--line:#\(line);--row:#\(row);--tied:#\(tied);"
        + mechanisms.enumerated().map { "--c\($0.offset):#\($0.element)" }.joined(separator: ";")
    }
  }

  static let light = Palette(
    text: "1c1f23", background: "fcfcfa", dim: "565d66", line: "d9dbd8", row: "f1f2ef", tied: "7b828a",
    mechanisms: ["0072b2", "a85200", "00795a", "a2417f", "806400", "1f7fb0", "4a4f55"])
  static let dark = Palette(
    text: "e8e9e6", background: "15181b", dim: "a9b1b9", line: "363c42", row: "1f2428", tied: "8b939b",
    mechanisms: ["5cb3ec", "f0923c", "2ec598", "e08bc0", "e3c54a", "8fd3f7", "c3c9cf"])

  static let css = """
    :root{color-scheme:light dark;\(light.css)}
    @media (prefers-color-scheme:dark){:root{\(dark.css)}}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
    body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
    main,header{max-width:72rem;margin:0 auto;padding:0 1rem}header{padding-top:1.5rem}main{padding-bottom:3rem}
    .skip{position:absolute;left:-99rem;top:0;background:var(--fg);color:var(--bg);padding:.5rem 1rem;z-index:1}.skip:focus{left:0}
    h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem}
    h2{font-size:1.3rem;line-height:1.25;margin:2.5rem 0 .5rem}
    h3{font-size:1.05rem;line-height:1.3;margin:1.75rem 0 .1rem}
    p{margin:.3rem 0 .7rem;max-width:48rem}.lead,.note,figcaption,.about{color:var(--dim)}
    .lead,.note,.about,figcaption{font-size:.9rem}
    ul{padding-left:1.2rem;margin:.4rem 0;max-width:48rem}li{margin:.25rem 0;overflow-wrap:anywhere}
    .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20.5rem),1fr));gap:2rem 2.25rem;align-items:start;margin-top:1rem}
    .charts.two{grid-template-columns:repeat(auto-fill,minmax(min(100%,20.5rem),27rem))}
    figure{margin:0;min-width:0;max-width:28rem}figure h3{margin:0 0 .5rem}figcaption{margin-top:.5rem}
    svg{width:100%;height:auto;display:block}
    svg text{font:13px system-ui,sans-serif;fill:var(--fg);font-variant-numeric:tabular-nums}
    svg text.axis-label,svg text.small{fill:var(--dim)}svg text.value{font-weight:600}
    .grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--dim);stroke-width:1}.one{stroke:var(--fg);stroke-width:1.5}
    .tail{stroke:var(--dim);stroke-width:1.3}.most{stroke-width:4;opacity:.55}.series{fill:none;stroke-width:1.8}.row{fill:transparent}
    .interval{stroke:var(--fg);stroke-width:1.5}.rim{stroke:var(--bg);stroke-width:4}
    .tied{fill:var(--tied);stroke:var(--tied)}
    \((0..<7).map { ".m\($0).fill{fill:var(--c\($0))}.m\($0).series,.m\($0).most{stroke:var(--c\($0))}" }.joined())
    .part{stroke-width:1.2}.p0{fill:var(--c0);stroke:var(--c0)}.p1{fill:var(--bg);stroke:var(--c1)}.p2{fill:var(--bg);stroke:var(--c2)}.p3{fill:var(--bg);stroke:var(--dim)}
    .stripe{stroke:var(--c1);stroke-width:2.2}.dot{fill:var(--c2)}
    g:hover>.row{fill:var(--row)}
    .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px;margin:.4rem 0 0}
    a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--c0);outline-offset:2px}
    table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
    th,td{padding:.35rem .7rem;text-align:left;white-space:nowrap;border-bottom:1px solid var(--line);vertical-align:top}
    tbody tr:last-child>*{border-bottom:0}thead th{color:var(--dim);font-weight:600}tbody th{font-weight:600}.n{text-align:right}
    tbody tr:hover>*{background:var(--row)}
    tr.marked>*{border-bottom:0}tr.why td{padding-top:0;white-space:normal}
    .mark{display:inline-block;min-width:1.25em;text-align:center;border-radius:3px;background:var(--c1);color:var(--bg);font-weight:700;line-height:1.25;margin-right:.35em}
    .words th,.words td{white-space:normal}.first{table-layout:fixed}.first tbody th{font-weight:400}.first td:nth-child(2){font-weight:700}.first .tie td:nth-child(2){font-weight:400}.whole{white-space:nowrap}.first td:last-child{color:var(--dim)}
    .first th:first-child{width:28%}.first th:nth-child(2){width:23%}.first th:nth-child(3){width:20%}
    .machine th{width:16rem}.machine td{overflow-wrap:anywhere}
    nav{margin:.3rem 0;line-height:2}nav a{color:inherit;margin-right:1.2rem;white-space:nowrap}
    details{margin:2rem 0;border:1px solid var(--line);border-radius:8px;padding:0 1rem}details[open]{padding-bottom:1rem}
    summary{cursor:pointer;padding:.7rem 0;font-weight:600}summary h2{display:inline;font-size:1.05rem}
    @media (max-width:600px){
    h1{font-size:1.5rem}.scroll{overflow:visible;border:0}figure{max-width:none}
    table,tbody,tr,th,td{display:block;width:auto!important}thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
    table{font-size:.95rem}th,td{padding:0;border:0;white-space:normal;text-align:left}
    tbody tr{border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem .7rem;margin:0 0 .6rem}tbody tr:last-child{margin:0}
    .figures tbody tr{display:grid;grid-template-columns:repeat(3,1fr);gap:.35rem .6rem}
    .figures tbody th,.figures .why td{grid-column:1/-1;font-size:1rem}.figures td.n{text-align:left}.figures td:empty{display:none}.figures .wide{grid-column:span 2}
    td[data-label]::before{content:attr(data-label);display:block;color:var(--dim);font-size:.8rem;font-weight:400;line-height:1.3}
    tr.marked{border-bottom:0!important;border-radius:8px 8px 0 0!important;margin-bottom:0!important}
    tr.why{border-top:0!important;border-radius:0 0 8px 8px!important}.figures .why td{font-size:.9rem}
    .first td{display:grid;grid-template-columns:6rem 1fr;align-items:baseline}.first tbody th{font-weight:600;margin-bottom:.25rem}tbody tr:hover>*{background:none}
    }
    @media print{body{font-size:11pt}.charts{display:block}figure{break-inside:avoid;margin-bottom:1rem}tr{break-inside:avoid}.scroll{overflow:visible}.skip{display:none}}
    """
}
