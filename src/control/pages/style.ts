/** The one style of the gate's own pages, in light and dark, from a phone on; in the colours of the pages of sign-in. */
export const STYLE = `:root{color-scheme:light dark;--ink:#1a1d21;--soft:#5b636e;--paper:#f4f5f7;--card:#fff;--sunk:#eef0f3;--line:#d5d9e0;--edge:#7b8490;--action:#1f4fbf;--on-action:#fff;--tint:#e8eefb;--good:#1b6b3a;--good-tint:#e3f3e8;--warning:#7a4b00;--warning-tint:#fdf0d8;--bad:#b3261e;--bad-tint:#fbe7e5;--on-bad:#fff;--second:#a8480f;--third:#6b3fa0}
@media (prefers-color-scheme:dark){:root{--ink:#eceff3;--soft:#a5adb8;--paper:#14171b;--card:#1e2228;--sunk:#262b33;--line:#383f49;--edge:#8a94a3;--action:#8fb0ff;--on-action:#10141c;--tint:#232f4a;--good:#7fd39b;--good-tint:#1c3326;--warning:#f0c26b;--warning-tint:#3a2e14;--bad:#ff9d94;--bad-tint:#42201d;--on-bad:#2a0a07;--second:#f0a36b;--third:#c3a3f0}}
*,::before,::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
.bar,main,footer{width:100%;max-width:66rem;margin:0 auto;padding-left:1rem;padding-right:1rem}
.skip{position:absolute;left:1rem;top:-4rem;padding:.5rem 1rem;background:var(--action);color:var(--on-action);border-radius:0 0 .5rem .5rem;z-index:1}
.skip:focus{top:0}
header{background:var(--card);border-bottom:1px solid var(--line)}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1.5rem;min-height:3.5rem;padding-top:.375rem;padding-bottom:.375rem}
.brand{color:var(--ink);text-decoration:none;padding:.25rem 0}
.brand .name{font-weight:700}
header nav ul{display:flex;flex-wrap:wrap;gap:.25rem;list-style:none;margin:0 -.5rem;padding:0}
header nav a{display:block;padding:.375rem .5rem;font-size:.9375rem;border-radius:.5rem;color:var(--ink);text-decoration:none}
header nav a:hover{background:var(--sunk)}
header nav a[aria-current]{background:var(--tint);color:var(--action);font-weight:600}
.person{margin:0 0 0 auto;max-width:18rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
main{flex:1;padding-top:1.25rem;padding-bottom:3rem}
main:focus{outline:none}
footer{color:var(--soft);font-size:.875rem;padding-top:1rem;padding-bottom:1rem}
footer p{margin:0;padding-top:1rem;border-top:1px solid var(--line)}
h1{margin:0;font-size:1.625rem;line-height:1.25}
h2{margin:2rem 0 .75rem;font-size:1.1875rem;line-height:1.3}
h3{margin:1.5rem 0 .5rem;font-size:1rem}
p{margin:.5rem 0 1rem}
a{color:var(--action);text-underline-offset:.15em}
.soft,.hint{color:var(--soft);font-size:.875rem}
.heading{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;margin:0 0 1rem}
.heading h2{margin:0}
*+.heading:has(h2){margin-top:2rem;margin-bottom:.75rem}
.beside{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;flex:1}
.beside>a.button:first-of-type{margin-left:auto}
.lead{max-width:44rem;margin-top:0;color:var(--soft)}
.trail ol{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 .5rem;line-height:1.5rem;list-style:none;margin:0 0 .5rem;padding:0;font-size:.875rem}
.trail li+li::before{content:"/";margin-right:.5rem;color:var(--edge)}
.trail a{display:inline-block}
.trail [aria-current]{color:var(--soft)}
.card{margin:0 0 1.25rem;padding:1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
.card>:first-child{margin-top:0}
.card>:last-child,.card>.copy-row:last-child{margin-bottom:0}
.card>ul{padding-left:1.25rem}
.narrow{max-width:40rem}
.columns{display:grid;grid-template-columns:minmax(0,1fr);gap:1.25rem;margin:0 0 1.25rem}
.columns>.card{margin:0}
@media (min-width:48rem){.columns{grid-template-columns:repeat(2,minmax(0,1fr))}}
.tiles{list-style:none;margin:0 0 1.25rem;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(18rem,100%),1fr));gap:1rem}
.tiles>li{padding:1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
.tiles h2,.tiles h3{margin:0 0 .25rem;font-size:1.0625rem}
.tiles p{margin:.25rem 0 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(9rem,100%),1fr));gap:1rem;margin:0 0 1.25rem}
.figures>div{padding:1rem 1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
.figures dt{color:var(--soft);font-size:.875rem}
.figures dd{margin:0;font-size:1.5rem;font-weight:650;font-variant-numeric:tabular-nums}
.notice{margin:0 0 1.25rem;padding:.75rem 1rem;border-left:4px solid var(--edge);border-radius:.25rem .5rem .5rem .25rem;background:var(--sunk)}
.notice h2{margin:0 0 .25rem;font-size:1rem}
.notice ul{margin:0;padding-left:1.25rem}
.notice p{margin:.25rem 0}
.notice.done{border-color:var(--good);background:var(--good-tint)}
.notice.warning{border-color:var(--warning);background:var(--warning-tint)}
.notice.error{border-color:var(--bad);background:var(--bad-tint)}
.notice.error a{display:inline-block;min-height:1.5rem;color:var(--bad)}
.empty{padding:1.5rem 1.25rem;border:1px dashed var(--edge);border-radius:.75rem;text-align:center;margin:0 0 1.25rem}
.empty p{margin:.25rem auto .75rem;max-width:34rem}
.badge{display:inline-block;padding:.0625rem .625rem;border-radius:1rem;font-size:.8125rem;font-weight:600;white-space:nowrap;background:var(--sunk);color:var(--ink)}
.badge.good{background:var(--good-tint);color:var(--good)}
.badge.warning{background:var(--warning-tint);color:var(--warning)}
.badge.bad{background:var(--bad-tint);color:var(--bad)}
a.button,button{display:inline-flex;align-items:center;justify-content:center;min-height:2.75rem;padding:.5rem 1rem;border:1px solid var(--action);border-radius:.5rem;background:var(--action);color:var(--on-action);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
a.button.quiet,button.quiet{background:transparent;color:var(--ink);border-color:var(--edge)}
a.button.quiet:hover,button.quiet:hover{background:var(--sunk)}
button.danger,a.button.danger{background:var(--bad);border-color:var(--bad);color:var(--on-bad)}
a.button.small,button.small{min-height:2rem;padding:.125rem .75rem;font-size:.875rem}
a.button.quiet[aria-current]{background:var(--tint);border-color:var(--action);color:var(--action)}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,textarea:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:3px solid var(--action);outline-offset:2px}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.25rem}
form{margin:0}
form.inline{display:inline}
.field{margin:0 0 1.25rem}
fieldset{min-width:0;margin:0;padding:0;border:0}
label,legend{display:block;padding:0;font-weight:600}
label .soft,tbody th .soft{font-weight:400}
.field>.hint,.field>.error{margin:0 0 .375rem}
.error{color:var(--bad);font-weight:600}
.notice.error{color:var(--ink);font-weight:400}
input:not([type=radio],[type=checkbox],[type=hidden]),select,textarea{display:block;width:100%;min-height:2.75rem;margin-top:.25rem;padding:.5rem .75rem;border:1px solid var(--edge);border-radius:.5rem;background:var(--card);color:var(--ink);font:inherit}
textarea{resize:vertical}
.wrong input:not([type=radio],[type=checkbox]),.wrong select,.wrong textarea{border-color:var(--bad);border-width:2px}
.choice{display:grid;grid-template-columns:auto minmax(0,1fr);column-gap:.75rem;padding:.375rem 0;align-items:center}
.choice input{width:1.5rem;height:1.5rem;margin:0;accent-color:var(--action)}
.choice label{font-weight:400;padding:.125rem 0}
.choice .hint{grid-column:2;margin:0}
table{width:100%;margin:0 0 1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;border-spacing:0;border-collapse:separate}
caption{padding:0 0 .5rem;font-weight:600;text-align:left}
th,td{padding:.625rem .875rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--soft);font-size:.8125rem;font-weight:600}
tbody th{font-weight:600}
td a,th a{display:inline-block;min-height:1.5rem}
.number{text-align:right;font-variant-numeric:tabular-nums}
.acts{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem}
.acts a{min-height:1.5rem}
.card table{background:transparent;border:0;margin-bottom:0}
.card th:first-child,.card td:first-child{padding-left:0}
.card th:last-child,.card td:last-child{padding-right:0}
dl{margin:0}
dl:not(.figures)>div{display:grid;grid-template-columns:minmax(0,1fr);gap:0 1rem;padding:.5rem 0;border-top:1px solid var(--line)}
dl:not(.figures)>div:first-child{border-top:0}
dl:not(.figures) dt{color:var(--soft)}
dl:not(.figures) dd{margin:0}
@media (min-width:40rem){dl:not(.figures)>div{grid-template-columns:11rem minmax(0,1fr)}}
.pages{display:flex;gap:.75rem;margin:0 0 1.25rem}
code,.code{font-family:ui-monospace,monospace;font-size:.875rem}
pre.code{margin:.5rem 0;padding:.875rem 1rem;background:var(--sunk);border-radius:.5rem;white-space:pre-wrap;overflow-wrap:anywhere}
input:not([type=radio],[type=checkbox],[type=hidden]).code{background:var(--sunk);font:.875rem/1.5 ui-monospace,monospace}
.copy-row{display:flex;align-items:center;gap:.75rem;margin:.375rem 0 1rem;min-height:2rem}
.secret{border:2px solid var(--good)}
.chart{margin:0 0 1.25rem}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1rem;margin-bottom:.75rem;font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:0;padding:0;font-weight:400;font-size:.875rem}
.legend li::before{content:"";display:inline-block;width:1rem;height:.25rem;margin-right:.375rem;border-radius:.125rem;vertical-align:middle;background:var(--hue)}
.series-1{--hue:var(--action)}.series-2{--hue:var(--second)}.series-3{--hue:var(--third)}
.plot{display:grid;grid-template-columns:auto minmax(0,1fr);gap:.25rem .5rem}
.scale{display:flex;flex-direction:column;justify-content:space-between;text-align:right}
.scale,.instants{color:var(--soft);font-size:.75rem;line-height:1;font-variant-numeric:tabular-nums}
.instants{grid-column:2;display:flex;justify-content:space-between;padding-top:.25rem}
.plot svg{display:block;width:100%;height:10rem}
.grid{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
.line{fill:none;stroke:var(--hue);stroke-width:2;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.area{fill:var(--hue);opacity:.12}
details{margin:.75rem 0}
summary{display:inline-block;padding:.125rem 0;min-height:1.5rem;color:var(--action);cursor:pointer;text-decoration:underline;text-underline-offset:.15em}
details[open]>summary{margin-bottom:.5rem}
details table{font-size:.875rem}
.bars{background:transparent;border:0;font-size:.875rem}
.bars th,.bars td{padding:.25rem 0;border:0;vertical-align:middle}
.bars th{width:40%;padding-right:1rem;font-weight:400}
.bars td{display:grid;grid-template-columns:minmax(0,1fr) 4.5rem;gap:.5rem;align-items:center}
.bars svg{display:block;width:100%;height:.75rem}
.bars rect{fill:var(--hue)}
.meter{margin:0 0 1rem}
.meter p{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;margin:0 0 .25rem}
.meter svg{display:block;width:100%;height:.625rem;border-radius:.3125rem}
.meter .track{fill:var(--line)}
.meter .good .fill{fill:var(--action)}.meter .warning .fill{fill:var(--warning)}.meter .bad .fill{fill:var(--bad)}
.method{display:inline-block;min-width:4rem;padding:.0625rem .5rem;border-radius:.375rem;background:var(--tint);color:var(--action);font:600 .8125rem/1.5 ui-monospace,monospace;text-align:center}
.unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:40rem){
.person{margin:0;max-width:100%}
.heading .beside{flex:1 1 100%}
.heading .beside>a.button:first-of-type{margin-left:0}
table[role=table],[role=table] tbody,[role=table] tr,[role=table] th[role=rowheader],[role=table] td{display:block}
[role=table]{background:transparent;border:0}
[role=table]>caption{display:block}
[role=table]>caption.unseen{position:absolute}
[role=table] thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
[role=table] tbody tr{margin:0 0 .75rem;padding:.75rem 1rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}
[role=table] tbody th[role=rowheader],[role=table] tbody td{padding:.125rem 0;border:0;text-align:left}
[role=table] tbody td[data-label]::before{content:attr(data-label) ": ";color:var(--soft)}
.bars td{grid-template-columns:minmax(0,1fr) 3.5rem}
.buttons>*{flex:1 1 auto}
}
@media (prefers-reduced-motion:no-preference){a.button,button,header nav a{transition:background-color .12s}}
@media (forced-colors:active){.badge,.notice,.method{border:1px solid}.line{stroke:CanvasText}.bars rect,.meter svg .fill{fill:CanvasText}}
@media print{header,.skip,footer,.buttons,.copy-row{display:none}}
`
