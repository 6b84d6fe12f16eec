// A part painted on views of a scene: strokes for each view, in its pixels. The server lifts them into the scene.
"use strict";
(function () {
  const INK = "#e65a00", SHADE = 0.55, KEPT = 100;
  const state = {start: null, side: 1, views: [], at: 0, marks: {}, done: [], undone: [], tool: "brush", radius: 10};
  let parts = {}, fire = () => {}, current = null, quiet = null;

  function button(text, hint, what) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = hint;
    made.addEventListener("click", what);
    return made;
  }
  function bar(label, ...inside) {
    const made = document.createElement("div");
    made.className = "bar";
    made.setAttribute("role", "toolbar");
    made.setAttribute("aria-label", label);
    made.append(...inside);
    return made;
  }
  const name = () => state.views[state.at].name;

  function changed() {
    draw();
    clearTimeout(quiet);
    quiet = setTimeout(() => fire("input"), 60);
  }
  function remember() {
    state.done.push(JSON.stringify(state.marks));
    if (state.done.length > KEPT) state.done.shift();
    state.undone = [];
  }
  function restore(from, to) {
    if (!from.length) return;
    to.push(JSON.stringify(state.marks));
    state.marks = JSON.parse(from.pop());
    changed();
  }
  function clear() {
    if (!(state.marks[name()] || []).length) return;
    remember();
    state.marks[name()] = [];
    changed();
  }

  // Drawing ----------------------------------------------------------------------------------------------------------
  function stroke(ink, mark, by) {
    ink.globalCompositeOperation = mark.tool === "eraser" ? "destination-out" : "source-over";
    ink.fillStyle = ink.strokeStyle = INK;
    ink.lineWidth = 2 * mark.radius * by;
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    if (mark.points.length === 1) {
      ink.arc(mark.points[0][0] * by, mark.points[0][1] * by, mark.radius * by, 0, 2 * Math.PI);
      ink.fill();
      return;
    }
    mark.points.forEach(([x, y], at) => (at ? ink.lineTo(x * by, y * by) : ink.moveTo(x * by, y * by)));
    ink.stroke();
  }
  function draw() {
    parts.views.forEach((chosen, number) => {
      const {name: called} = state.views[number], painted = (state.marks[called] || []).length > 0;
      chosen.setAttribute("aria-pressed", String(number === state.at));
      chosen.textContent = painted ? `${called} ●` : called;
      chosen.setAttribute("aria-label", painted ? `${called}, painted` : called);
    });
    for (const [tool, chosen] of Object.entries(parts.tools)) chosen.setAttribute("aria-pressed", String(tool === state.tool));
    const view = state.views[state.at], {canvas} = parts, by = canvas.width / state.side;
    canvas.setAttribute("aria-label", `the scene ${view.name}: paint on the part`);
    if (!view.image.complete) return;
    const on = canvas.getContext("2d"), layer = document.createElement("canvas");
    layer.width = layer.height = canvas.width;
    const ink = layer.getContext("2d");
    [...(state.marks[view.name] || []), ...(current ? [current] : [])].forEach((mark) => stroke(ink, mark, by));
    on.clearRect(0, 0, canvas.width, canvas.height);
    on.drawImage(view.image, 0, 0, canvas.width, canvas.height);
    on.globalAlpha = SHADE;
    on.drawImage(layer, 0, 0);
    on.globalAlpha = 1;
  }
  function place(event) {
    const box = parts.canvas.getBoundingClientRect();
    const share = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return share.map((value) => Math.round(value * state.side * 100) / 100);
  }
  function down(event) {
    if (event.button > 0) return;
    event.preventDefault();
    parts.canvas.setPointerCapture(event.pointerId);
    parts.canvas.focus();
    // A pen's other end is an eraser.
    current = {tool: event.buttons & 32 ? "eraser" : state.tool, points: [place(event)], radius: state.radius};
    draw();
  }
  function move(event) {
    if (!current) return;
    const at = place(event), last = current.points[current.points.length - 1];
    if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= 0.5) current.points.push(at);
    draw();
  }
  function up() {
    if (!current) return;
    remember();
    state.marks[name()] = [...(state.marks[name()] || []), current];
    current = null;
    changed();
  }
  function key(event) {
    const letter = event.key.toLowerCase(), held = event.ctrlKey || event.metaKey;
    if (held && letter === "z") { event.shiftKey ? restore(state.undone, state.done) : restore(state.done, state.undone); }
    else if (held && letter === "y") restore(state.undone, state.done);
    else if (held || event.altKey || event.target.tagName === "INPUT") return;
    else if (letter === "b") choose("brush");
    else if (letter === "e") choose("eraser");
    else if (letter === "[") size(state.radius * 0.8);
    else if (letter === "]") size(state.radius * 1.25);
    else if (letter === "delete") clear();
    else return;
    event.preventDefault();
  }
  function choose(tool) { state.tool = tool; draw(); }
  function size(radius) {
    state.radius = Math.min(Math.max(1, Math.round(radius)), Number(parts.size.max));
    parts.size.value = state.radius;
  }

  function build(root) {
    const views = state.views.map((view, number) => button(view.name, `paint on the scene ${view.name}`, () => { state.at = number; draw(); }));
    const canvas = document.createElement("canvas"), range = document.createElement("input"), label = document.createElement("label");
    const tools = {brush: button("Brush", "brush (B)", () => choose("brush")), eraser: button("Eraser", "eraser (E)", () => choose("eraser"))};
    Object.assign(range, {type: "range", min: 1, max: Math.round(state.side / 4), value: state.radius});
    range.setAttribute("aria-label", "size of brush and eraser, in pixels of the view");
    range.addEventListener("input", () => size(Number(range.value)));
    label.append("size ", range);
    canvas.width = canvas.height = 2 * state.side;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    for (const [event, what] of [["pointerdown", down], ["pointermove", move], ["pointerup", up], ["pointercancel", up]]) canvas.addEventListener(event, what);
    parts = {root, views, canvas, tools, size: range};
    root.replaceChildren(
      bar("where from", ...views),
      bar("painting", tools.brush, tools.eraser, label, button("Undo", "undo (Ctrl+Z)", () => restore(state.done, state.undone)), button("Redo", "redo (Ctrl+Shift+Z)", () => restore(state.undone, state.done)), button("Clear", "clear this view (Delete)", clear)),
      canvas);
    // Once: the element stays when another scene comes.
    if (!root.dataset.keys) root.addEventListener("keydown", key);
    root.dataset.keys = "there";
  }

  window.gencontrolPaint = {
    // Called with what the server says of a scene's views; with nothing, nothing is painted any more.
    show(root, text, trigger) {
      fire = trigger;
      if (!text) { root.replaceChildren(); state.start = null; state.marks = {}; return; }
      const said = JSON.parse(text);
      if (said.start !== state.start) Object.assign(state, {marks: {}, done: [], undone: [], at: 0});
      Object.assign(state, {start: said.start, side: said.side});
      state.views = said.views.map((view) => {
        const image = new Image();
        image.onload = draw;
        image.src = view.url;
        return {name: view.name, image};
      });
      build(root);
      draw();
    },
    marks: () => JSON.stringify(state.marks),
  };
})();
