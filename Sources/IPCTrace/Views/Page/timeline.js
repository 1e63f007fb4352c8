// Draws the trace that the page has as data: lanes below each other, time to the right.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const stage = document.getElementById("stage");
  const canvas = stage.querySelector("canvas");
  const detail = document.getElementById("detail");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const pen = canvas.getContext("2d");
  const laneHeight = 86, headHeight = 26, barHeight = 18;

  // One item for each span and mark, in the order of their begins in each lane.
  const items = [];
  for (const [lane, kind, begin, end, title, result, flags, channel, object] of data.spans)
    items.push({ lane, kind, begin, end: end < 0 ? null : end, title, result, blocked: !!(flags & 1), failed: !!(flags & 2), channel, object, isSpan: true });
  for (const [lane, kind, time, title, channel, payload] of data.marks)
    items.push({ lane, kind, begin: time, end: time, title, result: "", channel, payload, object: "", isSpan: false });
  items.sort((a, b) => a.begin - b.begin);
  const perLane = data.lanes.map(() => []);
  for (const item of items) perLane[item.lane].push(item);
  // How far back one has to look for a bar that is still there.
  const longest = perLane.map(list => list.reduce((most, item) => Math.max(most, (item.end ?? data.end) - item.begin), 0));
  const arrows = data.arrows.map(([kind, fromLane, from, toLane, to, title, channel]) =>
    ({ kind, fromLane, from, toLane, to, title, channel }));

  const span = Math.max(1, data.end);
  let view = { from: -span * 0.01, to: span * 1.02 };
  let selected = null, hovered = null, matches = [], match = -1, query = "";
  const hidden = new Set(), hiddenChannels = new Set();

  const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  let palette = {};
  const readPalette = () => {
    for (const name of ["paper", "ink", "dim", "line", "panel", "call", "blocked", "failed", "task", "work", "arrow", "wake", "focus", "note", "match"])
      palette[name] = color(name);
  };

  // ---- Words

  const time = ns => {
    const us = ns / 1000;
    if (us < 1000) return us.toFixed(us < 10 ? 2 : 1) + " µs";
    if (us < 1e6) return (us / 1000).toFixed(us < 1e5 ? 3 : 1) + " ms";
    return (us / 1e6).toFixed(3) + " s";
  };
  const group = item => ({ call: "call", task: "task", job: "work", actorCall: "work" })[item.kind]
    ?? (["sent", "received", "published", "consumed", "localSent", "localReceived"].includes(item.kind) ? "message"
      : item.kind === "note" ? "note" : "event");
  const isShown = item => !hidden.has(group(item)) && !(item.channel >= 0 && hiddenChannels.has(item.channel));

  function describe(item) {
    detail.replaceChildren();
    const line = (text, name = "div") => {
      const element = document.createElement(name);
      element.textContent = text;
      detail.append(element);
    };
    if (!item) return line("Point at something, or press Tab and the arrow keys: this says what it is.");
    line(item.title + (item.result ? " " + item.result : ""), "strong");
    line(data.lanes[item.lane].title + ", " + time(item.begin) + " after the first event"
      + (item.isSpan ? item.end === null ? ", never ended" : ", took " + time(item.end - item.begin) + (item.blocked ? "; the thread slept" : "") : ""));
    if (item.channel >= 0) line("channel: " + data.channels[item.channel]);
    if (item.object) line("object: " + item.object);
    if (item.payload) line("first bytes: " + item.payload);
    for (const arrow of arrowsOf(item)) {
      const isHere = arrow.toLane === item.lane && near(arrow.to, item);
      line((isHere ? "from " + data.lanes[arrow.fromLane].title : "to " + data.lanes[arrow.toLane].title) + ": " + arrow.title);
    }
  }

  const near = (moment, item) => moment >= item.begin && moment <= (item.end ?? data.end);
  const arrowsOf = item => arrows.filter(arrow =>
    (arrow.toLane === item.lane && near(arrow.to, item)) || (arrow.fromLane === item.lane && near(arrow.from, item))).slice(0, 6);

  // ---- Drawing

  const width = () => canvas.clientWidth;
  const x = moment => (moment - view.from) / (view.to - view.from) * width();
  const top = lane => headHeight + lane * laneHeight;
  const height = () => headHeight + data.lanes.length * laneHeight + 6;

  function firstAt(list, moment) {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle].begin < moment) low = middle + 1; else high = middle;
    }
    return low;
  }

  let wanted = false;
  function draw() {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => { wanted = false; paint(); });
  }

  function paint() {
    const scale = window.devicePixelRatio || 1, w = width(), h = height();
    if (canvas.width !== Math.round(w * scale) || canvas.height !== Math.round(h * scale)) {
      canvas.style.height = h + "px";
      canvas.width = Math.round(w * scale);
      canvas.height = Math.round(h * scale);
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.fillStyle = palette.paper;
    pen.fillRect(0, 0, w, h);
    pen.textBaseline = "middle";
    axis(w, h);
    for (let lane = 0; lane < data.lanes.length; lane++) paintLane(lane, w);
    for (const arrow of arrows) paintArrow(arrow, w);
    for (const [item, tone] of [[hovered, palette.ink], [selected, palette.focus]]) if (item) frame(item, tone);
  }

  function axis(w, h) {
    const rough = (view.to - view.from) / Math.max(2, w / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough);
    pen.font = "12px system-ui, sans-serif";
    for (let mark = Math.ceil(view.from / step) * step; mark < view.to; mark += step) {
      const place = x(mark);
      pen.strokeStyle = palette.line;
      pen.beginPath();
      pen.moveTo(place, headHeight - 6);
      pen.lineTo(place, h);
      pen.stroke();
      pen.fillStyle = palette.dim;
      pen.fillText(mark === 0 ? "0" : time(Math.abs(mark)), place + 3, 11);
    }
  }

  function paintLane(lane, w) {
    const y = top(lane), info = data.lanes[lane];
    pen.fillStyle = lane % 2 ? palette.paper : palette.panel;
    pen.globalAlpha = 0.55;
    pen.fillRect(0, y, w, laneHeight);
    pen.globalAlpha = 1;
    // The life of the process.
    const begin = Math.max(0, x(info.begin)), end = Math.min(w, x(info.end ?? data.end));
    pen.fillStyle = palette.line;
    pen.fillRect(begin, y + 43, Math.max(0, end - begin), 2);
    const list = perLane[lane];
    const lastPixel = { 0: -1, 1: -1 };
    for (let index = firstAt(list, view.from - longest[lane]); index < list.length && list[index].begin <= view.to; index++) {
      const item = list[index];
      if (!isShown(item) || (item.end ?? data.end) < view.from) continue;
      if (item.isSpan) paintSpan(item, y, w, lastPixel); else paintMark(item, y, lastPixel);
    }
    pen.font = "600 13px system-ui, sans-serif";
    pen.fillStyle = palette.ink;
    pen.fillText(info.title + (info.ending ? " · " + info.ending : ""), 6, y + 11);
  }

  const track = item => item.kind === "call" ? 20 : 48;

  function paintSpan(item, y, w, lastPixel) {
    const from = x(item.begin), to = item.end === null ? w : x(item.end), row = track(item) === 20 ? 0 : 1;
    // What is narrower than a pixel is drawn once a pixel.
    if (to - from < 1 && Math.round(from) === lastPixel[row] && item !== selected) return;
    lastPixel[row] = Math.round(from);
    const left = Math.max(-2, from), size = Math.max(1.5, Math.min(w + 2, to) - left);
    const place = y + track(item);
    const tone = item.failed ? palette.failed : item.kind === "call" ? palette.call : item.kind === "task" ? palette.task : palette.work;
    pen.fillStyle = item.blocked || item.end === null ? palette.blocked : tone;
    pen.fillRect(left, place, size, barHeight);
    if ((item.blocked || item.end === null) && size > 4) {
      pen.save();
      pen.beginPath();
      pen.rect(left, place, size, barHeight);
      pen.clip();
      pen.strokeStyle = tone;
      pen.lineWidth = 1.5;
      pen.beginPath();
      for (let hatch = left - barHeight; hatch < left + size; hatch += 7) {
        pen.moveTo(hatch, place + barHeight);
        pen.lineTo(hatch + barHeight, place);
      }
      pen.stroke();
      pen.restore();
      pen.lineWidth = 1;
    }
    if (query && item.title.toLowerCase().includes(query)) {
      pen.strokeStyle = palette.match;
      pen.lineWidth = 3;
      pen.strokeRect(left, place, size, barHeight);
      pen.lineWidth = 1;
    }
    if (size > 46) {
      pen.save();
      pen.beginPath();
      pen.rect(left, place, size - 3, barHeight);
      pen.clip();
      pen.font = "12px system-ui, sans-serif";
      const isLight = item.blocked || item.end === null;
      pen.fillStyle = isLight ? palette.ink : palette.paper;
      pen.fillText((item.failed ? "✕ " : "") + item.title + (item.result ? " " + item.result : ""), Math.max(left, 0) + 4, place + barHeight / 2);
      pen.restore();
    }
  }

  function paintMark(item, y, lastPixel) {
    const place = x(item.begin), middle = y + 44;
    pen.fillStyle = item.kind === "note" ? palette.note : item.kind === "killed" || item.kind === "peerGone" ? palette.failed : palette.arrow;
    pen.beginPath();
    if (item.kind === "note") pen.rect(place - 1.5, y + 38, 3, 12);
    else if (item.kind === "sent" || item.kind === "localSent" || item.kind === "published") { pen.moveTo(place - 4, middle + 4); pen.lineTo(place, middle - 5); pen.lineTo(place + 4, middle + 4); }
    else if (item.kind === "received" || item.kind === "localReceived" || item.kind === "consumed") { pen.moveTo(place - 4, middle - 4); pen.lineTo(place, middle + 5); pen.lineTo(place + 4, middle - 4); }
    else pen.arc(place, middle, 3, 0, 7);
    pen.fill();
    if (query && item.title.toLowerCase().includes(query)) {
      pen.strokeStyle = palette.focus;
      pen.strokeRect(place - 6, middle - 7, 12, 14);
    }
    // A note's words, where there is room before the next.
    if (item.kind === "note" && place > lastPixel.note || item.kind === "note" && lastPixel.note === undefined) {
      pen.font = "12px system-ui, sans-serif";
      const text = item.title.length > 60 ? item.title.slice(0, 59) + "…" : item.title;
      const size = pen.measureText(text).width;
      pen.fillStyle = palette.dim;
      pen.fillText(text, place + 4, y + 76);
      lastPixel.note = place + size + 10;
    }
  }

  function paintArrow(arrow, w) {
    if (hidden.has(arrow.kind === "wakeUp" ? "wake" : "message") || (arrow.channel >= 0 && hiddenChannels.has(arrow.channel))) return;
    if (arrow.to < view.from || arrow.from > view.to || arrow.fromLane === arrow.toLane) return;
    const from = x(arrow.from), to = x(arrow.to), down = arrow.toLane > arrow.fromLane;
    if (to - from < 0.3 && arrows.length > 4000) return;
    const start = top(arrow.fromLane) + (down ? 52 : 20), end = top(arrow.toLane) + (down ? 18 : 54);
    pen.strokeStyle = pen.fillStyle = arrow.kind === "wakeUp" ? palette.wake : palette.arrow;
    pen.setLineDash(arrow.kind === "wakeUp" ? [4, 3] : []);
    pen.beginPath();
    pen.moveTo(from, start);
    const bend = (end - start) * 0.4;
    pen.bezierCurveTo(from, start + bend, to, end - bend, to, end);
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    pen.moveTo(to, end);
    pen.lineTo(to - 4, end - (down ? 7 : -7));
    pen.lineTo(to + 4, end - (down ? 7 : -7));
    pen.fill();
  }

  function frame(item, tone) {
    const y = top(item.lane), from = x(item.begin), to = item.isSpan ? item.end === null ? width() : x(item.end) : from;
    pen.strokeStyle = tone;
    pen.lineWidth = 2.5;
    const place = item.isSpan ? y + track(item) : y + 36;
    pen.strokeRect(Math.max(1, from - 2), place - 2, Math.max(6, Math.min(width() - 2, to) - Math.max(1, from) + 4), barHeight + 4);
    pen.lineWidth = 1;
  }

  // ---- Moving

  function limit() {
    const least = 200, most = span * 1.2;
    let size = Math.min(most, Math.max(least, view.to - view.from));
    const middle = Math.min(span * 1.05, Math.max(-span * 0.05, (view.from + view.to) / 2));
    view = { from: middle - size / 2, to: middle + size / 2 };
    draw();
  }
  function zoom(factor, at) {
    const center = at ?? (selected ? Math.min(Math.max(selected.begin, view.from), view.to) : (view.from + view.to) / 2);
    view = { from: center - (center - view.from) * factor, to: center + (view.to - center) * factor };
    limit();
  }
  function pan(part) {
    const size = view.to - view.from;
    view = { from: view.from + size * part, to: view.to + size * part };
    limit();
  }
  function fit() { view = { from: -span * 0.01, to: span * 1.02 }; draw(); }

  function show(item) {
    selected = item;
    describe(item);
    const size = view.to - view.from, last = item.isSpan && item.end !== null ? item.end : item.begin;
    if (item.begin < view.from || last > view.to) {
      const middle = (item.begin + Math.min(last, item.begin + size * 0.8)) / 2;
      view = { from: middle - size / 2, to: middle + size / 2 };
    }
    draw();
  }

  function at(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    const lane = Math.floor((py - headHeight) / laneHeight);
    if (!perLane[lane]) return null;
    const moment = view.from + px / width() * (view.to - view.from), slack = 5 * (view.to - view.from) / width();
    const inLane = py - top(lane), list = perLane[lane];
    let best = null, distance = Infinity;
    for (let index = firstAt(list, moment - longest[lane] - slack); index < list.length && list[index].begin <= moment + slack; index++) {
      const item = list[index];
      if (!isShown(item)) continue;
      const last = item.end ?? data.end;
      if (last < moment - slack) continue;
      const vertical = item.isSpan ? (inLane >= track(item) && inLane <= track(item) + barHeight ? 0 : 40) : inLane >= 34 && inLane <= 56 ? 4 : 60;
      const horizontal = Math.max(0, item.begin - moment, moment - last) / slack;
      const size = Math.min(5, (last - item.begin) / (view.to - view.from) * 5);
      if (vertical + horizontal + size < distance) { distance = vertical + horizontal + size; best = item; }
    }
    return distance < 55 ? best : null;
  }

  let drag = null;
  const fingers = new Map();
  canvas.addEventListener("pointerdown", event => {
    fingers.set(event.pointerId, event.clientX);
    drag = { x: event.clientX, from: view.from, to: view.to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (fingers.size === 2 && fingers.has(event.pointerId)) {
      const before = [...fingers.values()];
      fingers.set(event.pointerId, event.clientX);
      const after = [...fingers.values()];
      const old = Math.abs(before[0] - before[1]), now = Math.abs(after[0] - after[1]);
      if (old > 5 && now > 5) zoom(old / now, view.from + ((after[0] + after[1]) / 2 - canvas.getBoundingClientRect().left) / width() * (view.to - view.from));
      return;
    }
    if (drag && fingers.size === 1) {
      const shift = (event.clientX - drag.x) / width() * (drag.to - drag.from);
      if (Math.abs(event.clientX - drag.x) > 4) drag.moved = true;
      if (drag.moved) { view = { from: drag.from - shift, to: drag.to - shift }; return limit(); }
      return;
    }
    const item = at(event);
    if (item !== hovered) { hovered = item; describe(item ?? selected); draw(); }
  });
  const release = event => {
    fingers.delete(event.pointerId);
    if (drag && !drag.moved && event.type === "pointerup") { const item = at(event); if (item) show(item); }
    drag = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => { hovered = null; describe(selected); draw(); });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) return pan(event.deltaX / width());
    const box = canvas.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, view.from + (event.clientX - box.left) / width() * (view.to - view.from));
  }, { passive: false });

  // ---- Keys

  function step(direction) {
    const lane = selected ? selected.lane : 0, list = perLane[lane].filter(isShown);
    if (!list.length) return;
    const index = selected ? list.indexOf(selected) : -1;
    show(list[Math.min(list.length - 1, Math.max(0, index + direction))]);
  }
  function otherLane(direction) {
    if (!selected) return step(1);
    for (let lane = selected.lane + direction; perLane[lane]; lane += direction) {
      const list = perLane[lane].filter(isShown);
      if (!list.length) continue;
      return show(list.reduce((best, item) => Math.abs(item.begin - selected.begin) < Math.abs(best.begin - selected.begin) ? item : best));
    }
  }
  function follow() {
    if (!selected) return;
    const arrow = arrowsOf(selected)[0];
    if (!arrow) return;
    const isHere = arrow.toLane === selected.lane && near(arrow.to, selected);
    const [lane, moment] = isHere ? [arrow.fromLane, arrow.from] : [arrow.toLane, arrow.to];
    const list = perLane[lane].filter(isShown);
    const target = list.findLast(item => near(moment, item)) ?? list[Math.max(0, firstAt(list, moment) - 1)];
    if (target) show(target);
  }
  const help = document.getElementById("keys");
  stage.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ArrowRight: () => event.shiftKey ? pan(0.2) : step(1), ArrowLeft: () => event.shiftKey ? pan(-0.2) : step(-1),
      ArrowDown: () => otherLane(1), ArrowUp: () => otherLane(-1), Enter: follow,
      "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6), 0: fit, f: fit,
      Home: () => { selected = null; step(1); }, End: () => { const list = perLane[selected?.lane ?? 0].filter(isShown); if (list.length) show(list.at(-1)); },
      "/": () => search.focus(), n: () => next(1), p: () => next(-1), "?": () => { help.open = !help.open; },
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  document.getElementById("in").addEventListener("click", () => zoom(0.6));
  document.getElementById("out").addEventListener("click", () => zoom(1.6));
  document.getElementById("fit").addEventListener("click", fit);

  // ---- Searching and filtering

  function next(direction) {
    if (!matches.length) return;
    match = (match + direction + matches.length) % matches.length;
    found.textContent = `${match + 1} of ${matches.length}`;
    show(matches[match]);
  }
  search.addEventListener("input", () => {
    query = search.value.trim().toLowerCase();
    matches = query ? items.filter(item => isShown(item) && (item.title + " " + item.result).toLowerCase().includes(query)) : [];
    match = -1;
    found.textContent = query ? matches.length + " found" : "";
    draw();
  });
  search.addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    next(event.shiftKey ? -1 : 1);
  });
  for (const box of document.querySelectorAll("input[data-kind], input[data-channel]"))
    box.addEventListener("change", () => {
      const [set, key] = box.dataset.kind ? [hidden, box.dataset.kind] : [hiddenChannels, Number(box.dataset.channel)];
      if (box.checked) set.delete(key); else set.add(key);
      draw();
    });

  const repaint = () => { readPalette(); draw(); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new ResizeObserver(draw).observe(stage);
  readPalette();
  describe(null);
  paint();
})();
