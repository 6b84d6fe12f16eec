// Grips on the box of a part, over the picture of a scene from two sides: its faces are dragged, or it as a whole.
"use strict";
(function () {
  const INK = "#e65a00", STEP = 0.05, KEPT = 100; // steps of undo
  // Of each side, the axes that one sees from there: to the right and upwards. What goes to the back is the other side's.
  const SEEN = [[0, 2], [1, 2]], NAMES = [["left", "right"], ["front", "back"], ["lower", "upper"]];
  let told = null, box = null, layer = null, lines = null, grips = [], fire = () => {}, held = null;
  // Boxes that were, and those that were undone; and what the server was told and has not answered yet.
  let done = [], undone = [], awaited = [], back = null, again = null;

  function project(point, view) {
    const from = point.map((value, i) => value - view.place[i]);
    const [x, y, z] = [0, 1, 2].map((column) => from[0] * view.turn[0][column] + from[1] * view.turn[1][column] + from[2] * view.turn[2][column]);
    const scale = view.focal / -z;
    return [told.side / 2 + scale * x, told.side / 2 - scale * y];
  }
  // Pixels that a point goes for each world unit along an axis.
  function pace(point, axis, view) {
    const ends = [-0.01, 0.01].map((far) => project(point.map((value, i) => value + (i === axis ? far : 0)), view));
    return [0, 1].map((i) => (ends[1][i] - ends[0][i]) / 0.02);
  }
  const middle = () => box.slice(0, 3);
  const face = ({axis, sign}) => middle().map((value, i) => value + (i === axis ? (sign * box[3 + i]) / 2 : 0));
  const place = (grip) => project(grip.axis === null ? middle() : face(grip), told.views[grip.view]);
  const round = (value) => Math.round(value / STEP) * STEP;
  const within = (value, [least, most]) => Math.min(Math.max(value, least), most);

  // A face goes alone: what is opposite stays where it is.
  function stretched(from, axis, sign, far) {
    const made = [...from], side = within(round(from[3 + axis] + sign * far), told.sides);
    made[axis] = within(from[axis] + (sign * (side - from[3 + axis])) / 2, told.away);
    made[3 + axis] = side;
    return made;
  }
  function shifted(from, axis, far) {
    const made = [...from];
    made[axis] = within(round(from[axis] + far), told.away);
    return made;
  }
  function dragged({from, grip, at}, x, y) {
    const view = told.views[grip.view], gone = [x - at[0], y - at[1]].map((value) => value / held.by);
    if (grip.axis !== null) {
      const by = held.pace;
      return stretched(from, grip.axis, grip.sign, (gone[0] * by[0] + gone[1] * by[1]) / (by[0] ** 2 + by[1] ** 2));
    }
    const [across, up] = SEEN[grip.view];
    const moved = shifted(from, across, gone[0] / pace(from.slice(0, 3), across, view)[0]);
    return shifted(moved, up, gone[1] / pace(from.slice(0, 3), up, view)[1]);
  }

  function draw() {
    const wide = told.side * told.views.length;
    layer.style.aspectRatio = `${wide} / ${told.side}`;
    grips.forEach((grip) => {
      const [x, y] = place(grip);
      grip.element.style.left = `${(100 * (x + grip.view * told.side)) / wide}%`;
      grip.element.style.top = `${(100 * y) / told.side}%`;
    });
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => middle().map((value, i) => value + ((number >> (2 - i)) & 1 ? 0.5 : -0.5) * box[3 + i]));
    const paths = told.views.flatMap((view, index) => corners.flatMap((corner, a) => [1, 2, 4].filter((bit) => !(a & bit)).map((bit) => {
      const [from, to] = [corner, corners[a | bit]].map((point) => project(point, view));
      return `M${from[0] + index * told.side} ${from[1]}L${to[0] + index * told.side} ${to[1]}`;
    })));
    lines.setAttribute("viewBox", `0 0 ${wide} ${told.side}`);
    // At rest the picture has it.
    lines.firstChild.setAttribute("d", held ? paths.join("") : "");
    [back.hidden, again.hidden] = [!done.length, !undone.length];
  }
  function set(made) {
    box = made.map((value) => Math.round(value * 1000) / 1000);
    draw();
  }
  function tell() {
    awaited.push(String(box));
    fire("input");
  }
  function remember(was) {
    done = [...done, was].slice(-KEPT);
    undone = [];
  }
  function restore(from, to) {
    if (!from.length || held) return;
    to.push(box);
    set(from.pop());
    tell();
  }
  function down(event, grip) {
    if (event.button > 0) return;
    event.preventDefault();
    event.stopPropagation();
    grip.element.setPointerCapture(event.pointerId);
    grip.element.focus();
    const by = layer.getBoundingClientRect().height / told.side, point = grip.axis === null ? null : face(grip);
    held = {grip, from: [...box], at: [event.clientX, event.clientY], by, pace: point && pace(point, grip.axis, told.views[grip.view])};
    draw();
  }
  function move(event) { if (held) set(dragged(held, event.clientX, event.clientY)); }
  function up() {
    if (!held) return;
    const was = held.from, changed = String(was) !== String(box);
    held = null;
    if (changed) remember(was);
    draw();
    if (changed) tell();
  }
  function key(event, grip) {
    const letter = event.key.toLowerCase(), undoes = (event.ctrlKey || event.metaKey) && (letter === "z" || letter === "y");
    if (undoes) {
      event.preventDefault();
      letter === "y" || event.shiftKey ? restore(undone, done) : restore(done, undone);
      return;
    }
    const far = {arrowleft: [-STEP, 0], arrowright: [STEP, 0], arrowup: [0, STEP], arrowdown: [0, -STEP]}[letter];
    if (!far) return;
    event.preventDefault();
    const was = box;
    const [across, upwards] = SEEN[grip.view];
    if (grip.axis === null) set(shifted(shifted(box, across, far[0]), upwards, far[1]));
    else set(stretched(box, grip.axis, grip.sign, grip.axis === upwards ? far[1] : far[0]));
    if (String(was) === String(box)) return;
    // A key that is held is one step of undo.
    if (!event.repeat) remember(was);
    draw();
    tell();
  }

  function grip(view, axis, sign) {
    const element = document.createElement("button"), made = {view, axis, sign, element};
    element.type = "button";
    element.className = axis === null ? "grip whole" : "grip";
    const called = axis === null ? "the box as a whole" : `the ${NAMES[axis][sign > 0 ? 1 : 0]} face of the box`;
    element.setAttribute("aria-label", `${called}, ${told.views[view].name}: drag it, or use the arrow keys`);
    element.addEventListener("pointerdown", (event) => down(event, made));
    for (const [name, what] of [["pointermove", move], ["pointerup", up], ["pointercancel", up]]) element.addEventListener(name, what);
    element.addEventListener("keydown", (event) => key(event, made));
    element.addEventListener("click", (event) => event.stopPropagation());
    return made;
  }
  function button(text, label, restores) {
    const element = document.createElement("button");
    element.type = "button";
    element.textContent = text;
    element.setAttribute("aria-label", label);
    element.addEventListener("click", (event) => { event.stopPropagation(); restores(); });
    return element;
  }
  function build() {
    layer = document.createElement("div");
    layer.className = "studio-grips";
    lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("stroke", INK);
    path.setAttribute("fill", "none");
    path.setAttribute("stroke-width", "2");
    lines.append(path);
    grips = told.views.flatMap((_, view) => [grip(view, null, 0), ...SEEN[view].flatMap((axis) => [-1, 1].map((sign) => grip(view, axis, sign)))]);
    back = button("Undo", "undo: the box as it was (Ctrl+Z)", () => restore(done, undone));
    again = button("Redo", "redo: the box as it was before it was undone (Ctrl+Shift+Z)", () => restore(undone, done));
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.append(back, again);
    layer.append(lines, bar, ...grips.map(({element}) => element));
  }
  // What the server says of the box: an answer to what it was told here, of which the last alone counts, or what was
  // typed or clicked elsewhere, which may be undone here too.
  function take(made) {
    const at = awaited.lastIndexOf(String(made));
    if (at >= 0) {
      awaited = awaited.slice(at + 1);
      if (awaited.length) return;
    } else {
      if (box && String(box) !== String(made)) remember(box);
      awaited = [];
    }
    box = made;
  }
  // Over the picture, which comes later, and anew with each look.
  function attach() {
    const frame = document.querySelector("#studio-spatial-view"), image = frame && frame.querySelector("img");
    if (!told || !image) { if (layer) layer.hidden = true; return; }
    if (!layer.isConnected || layer.parentElement !== frame) frame.append(layer);
    layer.hidden = false;
    const [outer, inner] = [frame, image].map((element) => element.getBoundingClientRect());
    // A picture that is fitted into its place keeps its shape.
    const ratio = told.views.length, wide = Math.min(inner.width, inner.height * ratio);
    layer.style.width = `${wide}px`;
    layer.style.left = `${inner.left - outer.left + (inner.width - wide) / 2}px`;
    layer.style.top = `${inner.top - outer.top + (inner.height - wide / ratio) / 2}px`;
  }

  document.addEventListener("load", ({target}) => { if (target.closest && target.closest("#studio-spatial-view")) attach(); }, true);
  window.addEventListener("resize", attach);

  window.gencontrolGrips = {
    // Called with what the server says of the box, and with nothing where the part is another.
    show(text, trigger) {
      fire = trigger;
      const before = told, said = text ? JSON.parse(text) : null;
      told = said;
      // Of another scene the boxes are others.
      if (!said || !before || String(before.scene) !== String(said.scene)) [done, undone, awaited, box] = [[], [], [], null];
      if (said && !held) {
        if (!layer) build();
        take(said.box);
        draw();
      }
      attach();
    },
    box: () => box,
  };
})();
