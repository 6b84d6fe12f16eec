// What is drawn on a picture: regions of marks, in the picture's own pixels. The server paints them; this shows them.
"use strict";
(function () {
  const COLOURS = ["#ff2d95", "#00b8ff", "#ffb300", "#32d74b", "#bf5af2", "#ff6b2d", "#00c7a3", "#8e8e93"];
  const SHADE = 0.45;
  const KEPT = 100; // steps of undo
  const state = {session: null, picture: null, image: null, regions: [], active: 0, tool: "brush", radius: 0, undone: [], done: []};
  let parts = {}, fire = () => {}, current = null, quiet = null;
  // A box that is held, and the one that the arrow keys move.
  let held = null, last = null;
  const ARROWS = {arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1]};
  const handles = window.gencontrolHandles;

  function make(tag, attributes, ...inside) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null) element.setAttribute(name, value);
    }
    element.append(...inside);
    return element;
  }

  // Scene ------------------------------------------------------------------------------------------------------------
  function fresh(name) {
    return {name: name || `region ${state.regions.length + 1}`, weight: 1, level: 1, negative: false, mask: null, url: null, marks: []};
  }
  function scene() {
    return JSON.stringify(state.regions.map(({name, weight, level, negative, mask, marks}) => ({name, weight, level, negative, mask, marks})));
  }
  function remember() {
    state.done.push(JSON.stringify([state.regions.map(({picture, ...rest}) => rest), state.active]));
    if (state.done.length > KEPT) state.done.shift();
    state.undone = [];
  }
  function restore(from, to) {
    if (!from.length) return;
    to.push(JSON.stringify([state.regions.map(({picture, ...rest}) => rest), state.active]));
    const [regions, active] = JSON.parse(from.pop());
    state.regions = regions;
    state.active = active;
    regions.forEach(loadMask);
    changed();
  }
  function changed() {
    list();
    shown();
  }
  function shown() {
    draw();
    clearTimeout(quiet);
    quiet = setTimeout(() => fire("input"), 60);
  }
  function loadMask(region) {
    if (!region.url) return;
    const image = new Image();
    image.onload = () => { region.picture = image; draw(); };
    image.src = region.url;
  }

  // Talking to the server --------------------------------------------------------------------------------------------
  function say(text, bad) {
    parts.said.textContent = text || "";
    parts.said.classList.toggle("bad", Boolean(bad));
    parts.said.setAttribute("role", bad ? "alert" : "status");
  }
  async function send(kind, file) {
    if (!state.session) return null;
    if (file.size > state.most) {
      say(`${file.name} is larger than ${Math.floor(state.most / 1048576)} MB: scale it down first.`, true);
      return null;
    }
    say(`Reading ${file.name} ...`);
    try {
      // Of the example only its name is sent.
      const body = kind === "example" ? null : file;
      const answer = await fetch(`studio/${state.session}/${kind}`, {
        method: "POST", body, headers: {"X-Name": encodeURIComponent(file.name || "pasted.png"), "Content-Type": "application/octet-stream"},
      });
      const said = (answer.headers.get("content-type") || "").includes("json") ? await answer.json() : {error: (await answer.text()).trim()};
      if (said.error) { say(said.error, true); return null; }
      say((said.notices || []).join(" "));
      return said;
    } catch (error) {
      say(`${file.name} could not be sent: is the server still there?`, true);
      return null;
    }
  }
  async function sendPicture(file, plainly) {
    const said = await send(plainly ? "picture?plainly=1" : "picture", file);
    if (said) await take(said, file);
  }
  async function takeExample() {
    const said = await send("example", {name: "the example", size: 0});
    if (said) await take(said, null);
  }
  async function take(said, file) {
    await show(said.picture);
    if (said.regions) {
      state.regions = said.regions.map((region) => Object.assign(fresh(region.name), region));
      if (!state.regions.length) state.regions = [fresh("region 1")];
      state.regions.forEach(loadMask);
      state.active = 0;
      state.done = [];
      const vary = make("button", {type: "button", onclick: () => sendPicture(file, true)}, "vary it itself");
      say("Recalled: everything is as it was when this picture was made. ");
      if (file) parts.said.append(vary);
      fire("submit");
    }
    changed();
  }
  async function show(picture) {
    const image = new Image();
    image.src = picture.url;
    await image.decode();
    const before = state.picture;
    state.picture = picture;
    state.image = image;
    // What was drawn on a picture of the same size is kept: it may be a version of it.
    if (!before || before.width !== picture.width || before.height !== picture.height) {
      state.regions = [fresh("region 1")];
      state.active = 0;
      state.done = [];
    }
    state.radius = Math.max(2, Math.round(0.04 * Math.min(picture.width, picture.height)));
    parts.size.max = Math.max(8, Math.round(Math.min(picture.width, picture.height) / 3));
    parts.size.value = state.radius;
    parts.empty.hidden = true;
    parts.view.hidden = false;
    parts.view.setAttribute("aria-label", `${picture.name}, ${picture.width} by ${picture.height} pixels: draw on it to show a region`);
    fit();
  }
  async function sendMask(file) {
    if (!state.picture) { say("Give a picture first, and then a mask of it.", true); return; }
    const said = await send("mask", file);
    if (said) addMask(said);
  }
  function addMask(said) {
    remember();
    const at = state.regions[state.active];
    const into = at && !at.marks.length && !at.mask ? at : fresh(said.name);
    Object.assign(into, {mask: said.mask, url: said.url, name: said.name});
    if (into !== at) { state.regions.push(into); state.active = state.regions.length - 1; }
    loadMask(into);
    changed();
  }

  // Drawing ----------------------------------------------------------------------------------------------------------
  function fit() {
    if (!state.image) return;
    const wide = Math.max(120, parts.stage.clientWidth), ratio = state.picture.height / state.picture.width;
    const height = Math.min(wide * ratio, window.innerHeight * 0.55), width = height / ratio;
    const dense = window.devicePixelRatio || 1;
    parts.view.style.width = `${width}px`;
    parts.view.style.height = `${height}px`;
    parts.view.width = Math.round(width * dense);
    parts.view.height = Math.round(height * dense);
    draw();
  }
  function scale() { return parts.view.width / state.picture.width; }
  function draw() {
    if (!state.image) return;
    const on = parts.view.getContext("2d");
    on.setTransform(1, 0, 0, 1, 0, 0);
    on.clearRect(0, 0, parts.view.width, parts.view.height);
    on.drawImage(state.image, 0, 0, parts.view.width, parts.view.height);
    state.regions.forEach((region, number) => {
      const layer = document.createElement("canvas");
      layer.width = parts.view.width;
      layer.height = parts.view.height;
      const ink = layer.getContext("2d");
      if (region.picture) ink.drawImage(region.picture, 0, 0, layer.width, layer.height);
      const marks = number === state.active && current ? [...region.marks, current] : region.marks;
      marks.forEach((mark) => paint(ink, mark));
      ink.globalCompositeOperation = "source-in";
      ink.fillStyle = colour(number);
      ink.fillRect(0, 0, layer.width, layer.height);
      if (region.negative) stripes(ink, layer);
      on.globalAlpha = SHADE * (number === state.active ? 1.25 : 0.8);
      on.drawImage(layer, 0, 0);
      on.globalAlpha = 1;
    });
    if (state.tool !== "box") return;
    const dense = window.devicePixelRatio || 1, chosen = chosenBox();
    boxes().forEach((mark) => handles.draw(on, mark, {by: scale(), dense, chosen: mark === chosen, colour: colour(state.active)}));
  }
  function stripes(ink, layer) {
    ink.globalCompositeOperation = "destination-out";
    ink.lineWidth = 4;
    ink.beginPath();
    for (let at = -layer.height; at < layer.width; at += 12) { ink.moveTo(at, 0); ink.lineTo(at + layer.height, layer.height); }
    ink.stroke();
  }
  function paint(ink, mark) {
    const by = scale();
    ink.globalCompositeOperation = mark.tool === "eraser" ? "destination-out" : "source-over";
    ink.fillStyle = ink.strokeStyle = "#fff";
    if (mark.tool === "box") {
      const [[x0, y0], [x1, y1]] = mark.points;
      ink.fillRect(x0 * by, y0 * by, (x1 - x0) * by, (y1 - y0) * by);
    } else if (mark.points.length === 1) {
      const radius = mark.radius || Math.max(1, 0.05 * Math.min(state.picture.width, state.picture.height));
      ink.beginPath();
      ink.arc(mark.points[0][0] * by, mark.points[0][1] * by, radius * by, 0, 2 * Math.PI);
      ink.fill();
    } else {
      ink.lineWidth = 2 * mark.radius * by;
      ink.lineCap = ink.lineJoin = "round";
      ink.beginPath();
      mark.points.forEach(([x, y], at) => (at ? ink.lineTo(x * by, y * by) : ink.moveTo(x * by, y * by)));
      ink.stroke();
    }
    ink.globalCompositeOperation = "source-over";
  }
  function colour(number) { return COLOURS[number % COLOURS.length]; }

  function boxes() {
    const region = state.regions[state.active];
    return region ? region.marks.filter((mark) => mark.tool === "box") : [];
  }
  function chosenBox() {
    const there = boxes();
    return there.includes(last) ? last : there[there.length - 1];
  }
  function under(event) {
    // With Shift another box begins, also inside of one that is there.
    if (state.tool !== "box" || event.shiftKey || event.buttons & 32) return null;
    return handles.grab(boxes(), place(event), event.pointerType, parts.view.clientWidth / state.picture.width);
  }
  function drag(mark, by, far) { mark.points = handles.dragged(mark, by, far, [state.picture.width, state.picture.height]); }
  function nudge([x, y], event) {
    const mark = chosenBox(), step = Math.max(1, Math.round(Math.min(state.picture.width, state.picture.height) / 100));
    // A key that is held is one step of undo.
    if (!event.repeat) remember();
    drag(mark, event.shiftKey ? [1, 1] : [0, 0], [x * step, y * step]);
    last = mark;
    shown();
  }

  function place(event) {
    const box = parts.view.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * state.picture.width;
    const y = ((event.clientY - box.top) / box.height) * state.picture.height;
    return [Math.round(x * 100) / 100, Math.round(y * 100) / 100];
  }
  function inside([x, y]) {
    return [Math.min(Math.max(x, 0), state.picture.width), Math.min(Math.max(y, 0), state.picture.height)];
  }
  function down(event) {
    if (!state.picture || event.button > 0) return;
    event.preventDefault();
    parts.view.setPointerCapture(event.pointerId);
    parts.view.focus();
    const at = place(event);
    held = under(event);
    if (held) { Object.assign(held, {at, was: held.mark.points, moved: false}); last = held.mark; draw(); return; }
    // A pen's other end is an eraser.
    const tool = event.buttons & 32 ? "eraser" : state.tool;
    if (tool === "point") { add({tool, points: [inside(at)]}); return; }
    current = tool === "box" ? {tool, points: [inside(at), inside(at)]} : {tool, points: [at], radius: state.radius};
    draw();
  }
  function move(event) {
    if (held) { carry(place(event)); return; }
    if (!current) {
      if (state.picture) parts.view.style.cursor = handles.cursor(under(event));
      return;
    }
    if (current.tool === "box") current.points[1] = inside(place(event));
    else for (const one of event.getCoalescedEvents ? event.getCoalescedEvents().concat(event) : [event]) {
      const at = place(one), last = current.points[current.points.length - 1];
      if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= Math.max(0.5, current.radius / 8)) current.points.push(at);
    }
    draw();
  }
  function carry([x, y]) {
    const far = [x - held.at[0], y - held.at[1]];
    if (!held.moved && !far.some(Boolean)) return;
    if (!held.moved) remember();
    held.moved = true;
    held.mark.points = held.was;
    drag(held.mark, held.by, far);
    draw();
  }
  function up() {
    if (held) { const {moved} = held; held = null; if (moved) changed(); return; }
    const mark = current;
    current = null;
    if (!mark) return;
    const [a, b] = mark.points;
    if (mark.tool === "box" && (a[0] === b[0] || a[1] === b[1])) { draw(); return; }
    add(mark);
  }
  function add(mark) {
    remember();
    if (!state.regions.length) state.regions.push(fresh());
    state.regions[state.active].marks.push(mark);
    if (mark.tool === "box") last = mark;
    changed();
  }

  // Controls ---------------------------------------------------------------------------------------------------------
  function choose(tool) {
    state.tool = tool;
    for (const [name, button] of Object.entries(parts.tools)) button.setAttribute("aria-pressed", String(name === tool));
    parts.view.style.cursor = "";
    draw();
  }
  function list() {
    parts.list.replaceChildren(...state.regions.map((region, number) => row(region, number)));
  }
  function row(region, number) {
    const active = number === state.active, named = () => region.name || `region ${number + 1}`;
    const swatch = make("button", {type: "button", class: "swatch", style: `background:${colour(number)}`, "aria-pressed": String(active), title: "draw on this one", onclick: () => { state.active = number; list(); draw(); }});
    const remove = make("button", {type: "button", title: "remove", onclick: () => { remember(); state.regions.splice(number, 1); if (!state.regions.length) state.regions = [fresh("region 1")]; state.active = Math.min(state.active, state.regions.length - 1); changed(); }}, "×");
    const label = () => { swatch.setAttribute("aria-label", `draw on ${named()}`); remove.setAttribute("aria-label", `remove ${named()}`); };
    // The row stays: who goes on from one field to the next would lose the place otherwise.
    const set = (name, kind) => (event) => {
      remember();
      region[name] = kind === "number" ? Number(event.target.value) : kind === "checked" ? event.target.checked : event.target.value;
      label();
      shown();
    };
    label();
    return make("div", {class: active ? "region active" : "region"}, swatch,
      make("input", {type: "text", value: region.name, maxlength: 60, "aria-label": `name of region ${number + 1}`, onchange: set("name")}),
      make("label", {}, "weight ", make("input", {type: "number", value: region.weight, min: 0.01, step: "any", onchange: set("weight", "number")})),
      make("label", {}, "level ", make("input", {type: "number", value: region.level, min: 0, max: 1, step: 0.05, onchange: set("level", "number")})),
      make("label", {}, make("input", {type: "checkbox", checked: region.negative, onchange: set("negative", "checked")}), " keep away"),
      remove);
  }
  function clear() {
    const region = state.regions[state.active];
    if (!region) return;
    remember();
    Object.assign(region, {marks: [], mask: null, url: null});
    delete region.picture;
    changed();
  }
  function addRegion() {
    remember();
    state.regions.push(fresh());
    state.active = state.regions.length - 1;
    changed();
  }
  function size(by) {
    state.radius = Math.min(Math.max(1, Math.round(state.radius * by) || 1), Number(parts.size.max));
    parts.size.value = state.radius;
  }
  function key(event) {
    const name = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && name === "z") { event.shiftKey ? restore(state.undone, state.done) : restore(state.done, state.undone); }
    else if ((event.ctrlKey || event.metaKey) && name === "y") restore(state.undone, state.done);
    else if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
    else if (ARROWS[name] && event.target === parts.view && state.tool === "box" && chosenBox()) nudge(ARROWS[name], event);
    else if (name === "b") choose("brush");
    else if (name === "e") choose("eraser");
    else if (name === "r") choose("box");
    else if (name === "p") choose("point");
    else if (name === "n") addRegion();
    else if (name === "[") size(0.8);
    else if (name === "]") size(1.25);
    else if (name === "delete") clear();
    else return;
    event.preventDefault();
  }

  function build(root) {
    const file = make("input", {type: "file", accept: "image/*", class: "file", "aria-label": "picture", onchange: (event) => { if (event.target.files[0]) sendPicture(event.target.files[0]); event.target.value = ""; }});
    const mask = make("input", {type: "file", accept: "image/*", class: "file", "aria-label": "mask", onchange: (event) => { if (event.target.files[0]) sendMask(event.target.files[0]); event.target.value = ""; }});
    file.id = "studio-file";
    mask.id = "studio-mask";
    parts = {root, tools: {}};
    const tool = (name, text, hint) => (parts.tools[name] = make("button", {type: "button", "aria-pressed": "false", title: hint, onclick: () => choose(name)}, text));
    const act = (text, hint, what) => make("button", {type: "button", title: hint, onclick: what}, text);
    parts.size = make("input", {type: "range", min: 1, max: 100, value: 10, "aria-label": "size of brush and eraser, in pixels", oninput: (event) => { state.radius = Number(event.target.value); }});
    const bar = make("div", {class: "bar", role: "toolbar", "aria-label": "drawing"},
      act("Picture …", "open a picture, or one that gencontrol made, to recall it", () => file.click()), file,
      act("Example", "a picture to try it with", takeExample),
      tool("brush", "Brush", "brush (B)"), tool("eraser", "Eraser", "eraser (E)"), tool("box", "Box", "box (R): drag one by its edges or its inside to change it, with Shift draw another there; arrow keys move it, with Shift its far corner"), tool("point", "Point", "point (P)"),
      make("label", {class: "size"}, "size ", parts.size),
      act("Undo", "undo (Ctrl+Z)", () => restore(state.done, state.undone)), act("Redo", "redo (Ctrl+Shift+Z)", () => restore(state.undone, state.done)),
      act("Clear", "clear this region (Delete)", clear), act("Mask …", "a mask from a file: white is where to look", () => mask.click()), mask);
    parts.view = make("canvas", {tabindex: 0, hidden: true, role: "img", onpointerdown: down, onpointermove: move, onpointerup: up, onpointercancel: up});
    parts.empty = make("button", {type: "button", class: "empty", onclick: () => file.click()}, "Drop a picture here, paste one, or press to choose a file");
    parts.stage = make("div", {class: "stage"}, parts.view, parts.empty);
    parts.list = make("div", {class: "regions", role: "group", "aria-label": "regions"});
    parts.said = make("p", {class: "said", role: "status", "aria-live": "polite"});
    root.replaceChildren(bar, parts.stage, parts.said, parts.list, make("div", {class: "bar"}, act("Add a region", "another region (N)", addRegion)));
    root.addEventListener("keydown", key);
    root.addEventListener("dragover", (event) => { event.preventDefault(); root.classList.add("over"); });
    root.addEventListener("dragleave", () => root.classList.remove("over"));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.remove("over");
      if (event.dataTransfer.files[0]) sendPicture(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const found = [...(event.clipboardData || {files: []}).files].find((one) => one.type.startsWith("image/"));
      if (found) { event.preventDefault(); sendPicture(found); }
    });
    new ResizeObserver(fit).observe(parts.stage);
    choose("brush");
    state.regions = [fresh("region 1")];
    list();
  }

  window.gencontrolStudio = {
    // Called once the page is there.
    attach(element, trigger) {
      fire = trigger;
      build(element.querySelector(".studio-canvas"));
    },
    // Called with what the server says of this visit.
    async begin(text) {
      const said = JSON.parse(text);
      state.session = said.session;
      state.most = said.most;
      if (said.error) say(said.error, true);
      if (said.picture) await take(said, null);
    },
    // Called with a region that was found.
    found(text) {
      if (!text) return;
      const said = JSON.parse(text);
      say((said.notices || []).join(" "));
      addMask(said);
    },
    attached: () => Boolean(parts.root && parts.root.isConnected),
    scene,
  };
})();
