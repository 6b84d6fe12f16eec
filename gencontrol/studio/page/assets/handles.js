// Boxes that are there already: which edge of one lies under a pointer, and where a box goes when it is dragged.
"use strict";
(function () {
  const NEAR = {mouse: 9, touch: 22, pen: 14}; // pixels of the screen; a finger hides what it points at
  const LEAST = 2; // pixels of the picture: the least side that a box can be dragged to
  const SQUARE = 4; // half the side of a handle, in pixels of the screen

  function sides({points: [[x0, y0], [x1, y1]]}) {
    return [[Math.min(x0, x1), Math.max(x0, x1)], [Math.min(y0, y1), Math.max(y0, y1)]];
  }
  // -1 at the lower edge, 1 at the upper, 0 between them, null outside. A third of a small box stays to be moved by.
  function edge(value, [low, high], near) {
    const inner = Math.min(near, (high - low) / 3);
    if (value < low - near || value > high + near) return null;
    if (value <= low + inner) return -1;
    return value >= high - inner ? 1 : 0;
  }

  window.gencontrolHandles = {
    // Of the boxes among marks the newest that a pointer is on, and by what; null where there is none.
    grab(marks, [x, y], kind, scale) {
      const near = (NEAR[kind] || NEAR.mouse) / scale;
      for (let number = marks.length - 1; number >= 0; number -= 1) {
        if (marks[number].tool !== "box") continue;
        const [across, down] = sides(marks[number]), by = [edge(x, across, near), edge(y, down, near)];
        if (!by.includes(null)) return {mark: marks[number], by};
      }
      return null;
    },
    // The two corners of a box that goes so far, within a picture: as a whole, or by the edges that it is held by.
    dragged(mark, by, far, size) {
      const ends = sides(mark), whole = by.every((part) => part === 0);
      const gone = ends.map(([low, high], axis) => {
        const least = Math.min(LEAST, high - low);
        if (whole) {
          const step = Math.min(Math.max(far[axis], -low), size[axis] - high);
          return [low + step, high + step];
        }
        if (by[axis] < 0) return [Math.min(Math.max(low + far[axis], 0), high - least), high];
        return by[axis] > 0 ? [low, Math.max(Math.min(high + far[axis], size[axis]), low + least)] : [low, high];
      });
      return [0, 1].map((end) => gone.map((pair) => Math.round(pair[end] * 100) / 100));
    },
    cursor(held) {
      if (!held) return "";
      const [x, y] = held.by;
      if (!x && !y) return "move";
      if (!x || !y) return x ? "ew-resize" : "ns-resize";
      return x === y ? "nwse-resize" : "nesw-resize";
    },
    // `by` is pixels of the canvas for one of the picture, `dense` for one of the screen.
    draw(on, mark, {by, dense, chosen, colour}) {
      const [[x0, x1], [y0, y1]] = sides(mark).map((pair) => pair.map((value) => value * by)), half = SQUARE * dense;
      on.lineWidth = 1.5 * dense;
      on.strokeStyle = colour;
      on.strokeRect(x0, y0, x1 - x0, y1 - y0);
      on.fillStyle = chosen ? colour : "#fff";
      for (const x of [x0, (x0 + x1) / 2, x1]) for (const y of [y0, (y0 + y1) / 2, y1]) {
        if (x === (x0 + x1) / 2 && y === (y0 + y1) / 2) continue;
        on.fillRect(x - half, y - half, 2 * half, 2 * half);
        on.strokeStyle = chosen ? "#fff" : colour;
        on.strokeRect(x - half, y - half, 2 * half, 2 * half);
      }
    },
  };
})();
