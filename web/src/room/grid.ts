// How tiles fill a space.

export interface Size {
  width: number;
  height: number;
}

const widest = 16 / 9;

// fit finds the tile size with which n tiles cover most of a space. Tiles are
// at most 16:9; in an upright space they may be upright, too, elsewhere that
// would cut faces off at the sides.
export function fit(n: number, space: Size, gap: number): Size {
  const narrowest = space.height > space.width ? 9 / 16 : 4 / 3;
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
