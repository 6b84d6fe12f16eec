// A mesh that one can turn: the GLB that a run leaves (triangles with colours of linear light), drawn by WebGL alone.
"use strict";
(function () {
  const SHADER = {
    VERTEX_SHADER: `#version 300 es
      uniform mat3 turn; uniform float far, ratio;
      in vec3 place, normal; in vec4 colour;
      out vec3 facing, light;
      void main() {
        vec3 at = turn * place;
        facing = turn * normal;
        light = colour.rgb;
        float depth = far - at.z;
        // Perspective between 0.2 and 20, and as much of the shorter side whatever the window's shape.
        gl_Position = vec4(at.x * 2.0 / max(ratio, 1.0), at.y * 2.0 * min(ratio, 1.0), depth * 1.0202 - 0.404, depth);
      }`,
    FRAGMENT_SHADER: `#version 300 es
      precision highp float;
      in vec3 facing, light; out vec4 shown;
      void main() {
        float lit = 0.45 + 0.55 * abs(normalize(facing).z);
        shown = vec4(pow(light * lit, vec3(1.0 / 2.2)), 1.0);
      }`,
  };
  const ARRAYS = {5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array};
  const WIDTHS = {SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4};
  const FRONT = {yaw: 0, pitch: 0.35, far: 2.7}; // radians, radians, and radii of the mesh
  const HINT = "drag, or use the arrow keys, to turn it; + and - come closer and go away; Home is the front";

  // The file ----------------------------------------------------------------------------------------------------------
  function read(buffer) {
    const head = new DataView(buffer);
    if (head.getUint32(0, true) !== 0x46546c67) throw new Error("this is no GLB");
    const length = head.getUint32(12, true);
    const said = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
    const from = 20 + length + 8;
    const part = said.meshes[0].primitives[0];
    const array = (number) => {
      const {bufferView, byteOffset = 0, componentType, count, type} = said.accessors[number];
      const at = from + (said.bufferViews[bufferView].byteOffset || 0) + byteOffset;
      const kind = ARRAYS[componentType], items = count * WIDTHS[type];
      // Copied: a view has to begin where its numbers may lie.
      return new kind(buffer.slice(at, at + items * kind.BYTES_PER_ELEMENT));
    };
    return {places: array(part.attributes.POSITION), colours: array(part.attributes.COLOR_0), corners: Uint32Array.from(array(part.indices))};
  }
  function normals(places, corners) {
    const sum = new Float32Array(places.length);
    for (let at = 0; at < corners.length; at += 3) {
      const [a, b, c] = [corners[at] * 3, corners[at + 1] * 3, corners[at + 2] * 3];
      const u = [0, 1, 2].map((i) => places[b + i] - places[a + i]), v = [0, 1, 2].map((i) => places[c + i] - places[a + i]);
      const across = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
      for (const corner of [a, b, c]) for (let i = 0; i < 3; i += 1) sum[corner + i] += across[i];
    }
    return sum;
  }

  function centred(places) {
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    places.forEach((value, at) => { low[at % 3] = Math.min(low[at % 3], value); high[at % 3] = Math.max(high[at % 3], value); });
    const middle = low.map((value, i) => (value + high[i]) / 2);
    const radius = Math.hypot(...low.map((value, i) => (high[i] - value) / 2)) || 1;
    return places.map((value, at) => (value - middle[at % 3]) / radius);
  }

  // Drawing -----------------------------------------------------------------------------------------------------------
  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, text] of Object.entries(SHADER)) {
      const shader = gl.createShader(gl[kind]);
      gl.shaderSource(shader, text.trim());
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error("its shaders cannot be used");
    gl.useProgram(made);
    return made;
  }
  function upload(gl, made, name, values, width, kind, normalised) {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    const at = gl.getAttribLocation(made, name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, kind, normalised, 0, 0);
  }
  function rotation(yaw, pitch) {
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    // By columns: first around the upright axis, then towards the eye.
    return [cy, sp * sy, -cp * sy, 0, cp, sp, sy, -sp * cy, cp * cy];
  }
  function stage(canvas, mesh) {
    // Kept after it is drawn: a picture of the page would have a hole otherwise.
    const gl = canvas.getContext("webgl2", {antialias: true, preserveDrawingBuffer: true});
    if (!gl) throw new Error("this browser has no WebGL 2");
    const made = program(gl), look = {...FRONT};
    upload(gl, made, "place", centred(mesh.places), 3, gl.FLOAT, false);
    upload(gl, made, "normal", normals(mesh.places, mesh.corners), 3, gl.FLOAT, false);
    upload(gl, made, "colour", mesh.colours, 4, gl.UNSIGNED_BYTE, true);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.corners, gl.STATIC_DRAW);
    gl.enable(gl.DEPTH_TEST);
    const uniform = (name) => gl.getUniformLocation(made, name);
    function draw() {
      const dense = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
      if (!wide || !high) return;
      canvas.width = Math.round(wide * dense);
      canvas.height = Math.round(high * dense);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(1, 1, 1, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix3fv(uniform("turn"), false, rotation(look.yaw, look.pitch));
      gl.uniform1f(uniform("far"), look.far);
      gl.uniform1f(uniform("ratio"), wide / high);
      gl.drawElements(gl.TRIANGLES, mesh.corners.length, gl.UNSIGNED_INT, 0);
      canvas.dataset.drawn = String(mesh.corners.length / 3);
    }
    return {look, draw};
  }

  // Turning -----------------------------------------------------------------------------------------------------------
  function controls(canvas, {look, draw}) {
    let from = null;
    function turn(yaw, pitch, nearer) {
      look.yaw += yaw;
      look.pitch = Math.min(Math.max(look.pitch + pitch, -1.5), 1.5);
      look.far = Math.min(Math.max(look.far * nearer, 1.5), 12);
      draw();
    }
    const keys = {arrowleft: [-0.15, 0, 1], arrowright: [0.15, 0, 1], arrowup: [0, -0.15, 1], arrowdown: [0, 0.15, 1], "+": [0, 0, 0.9], "=": [0, 0, 0.9], "-": [0, 0, 1.1]};
    canvas.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      turn((event.clientX - from[0]) / 120, (event.clientY - from[1]) / 120, 1);
      from = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { from = null; });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); turn(0, 0, event.deltaY > 0 ? 1.1 : 0.9); }, {passive: false});
    canvas.addEventListener("keydown", (event) => {
      const key = event.key.toLowerCase();
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (key === "home") { Object.assign(look, FRONT); draw(); }
      else if (keys[key]) turn(...keys[key]);
      else return;
      event.preventDefault();
    });
    new ResizeObserver(draw).observe(canvas);
  }

  async function show(root, url) {
    root.replaceChildren();
    root.dataset.url = url;
    if (!url) return;
    const said = document.createElement("p"), canvas = document.createElement("canvas");
    said.textContent = "Opening the mesh ...";
    said.setAttribute("role", "status");
    root.append(said);
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error("it is not there any more");
      const mesh = read(await answer.arrayBuffer());
      // Meanwhile another run may have been chosen.
      if (root.dataset.url !== url) return;
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `the mesh, of ${mesh.corners.length / 3} triangles: ${HINT}`);
      root.replaceChildren(canvas, said);
      said.textContent = `The mesh: ${HINT}.`;
      const shown = stage(canvas, mesh);
      controls(canvas, shown);
      shown.draw();
    } catch (error) {
      canvas.remove();
      said.textContent = `The mesh cannot be shown here (${error.message}): take the file.`;
    }
  }

  window.gencontrolTurn = {show};
})();
