// How tiles fill a space.

export interface Size {
  width: number;
  height: number;
}

const widest = 16 / 9;
const narrowest = 3 / 4;

// fit finds the tile size with which n tiles, of any shape between upright 3:4
// and 16:9, cover most of a space.
export function fit(n: number, space: Size, gap: number): Size {
  let best: Size = { width: 0, height: 0 };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const cell = {
      width: (space.width - gap * (columns - 1)) / columns,
      height: (space.height - gap * (rows - 1)) / rows,
    };
    const tile = {
      width: Math.floor(Math.min(cell.width, cell.height * widest)),
      height: Math.floor(Math.min(cell.height, cell.width / narrowest)),
    };
    if (tile.width * tile.height > best.width * best.height) best = tile;
  }
  return best;
}
