import { Observable } from '../observable';
import type { AudioVideoFacade, AudioVideoObserver, VideoTileState } from './chime';

// Picture is a camera or a shared screen that can be shown.
export interface Picture {
  tile: number;
  owner: string; // AttendeeId of the person, also for a screen
  mine: boolean;
  stalled: boolean; // the way from its sender, or to here, is too weak
}

export interface PicturesState {
  cameras: Record<string, Picture>; // by owner
  screens: Picture[]; // the oldest first
}

// Pictures keeps what can be seen. The client renews tiles often; only what
// changes here is told on.
export class Pictures extends Observable<PicturesState> {
  readonly #audioVideo: AudioVideoFacade;
  readonly #self: string;
  readonly #tiles = new Map<number, Picture & { screen: boolean }>();

  constructor(audioVideo: AudioVideoFacade, self: string) {
    super({ cameras: {}, screens: [] });
    this.#audioVideo = audioVideo;
    this.#self = self;
    const observer: AudioVideoObserver = {
      videoTileDidUpdate: (tile) => this.#put(tile),
      videoTileWasRemoved: (tile) => this.#drop(tile),
    };
    audioVideo.addObserver(observer);
  }

  // show puts a picture into an element and returns how to take it out.
  show(tile: number, element: HTMLVideoElement): () => void {
    this.#audioVideo.bindVideoElement(tile, element);
    return () => {
      if (this.#audioVideo.getVideoTile(tile)) this.#audioVideo.unbindVideoElement(tile);
    };
  }

  #put(tile: VideoTileState): void {
    if (tile.tileId === null) return;
    // One's own tile stays when the camera goes off, without a stream.
    if (!tile.boundAttendeeId || !tile.boundVideoStream) {
      this.#drop(tile.tileId);
      return;
    }
    const owner = tile.boundAttendeeId.split('#')[0]!;
    const next = {
      tile: tile.tileId, owner, mine: owner === this.#self, screen: tile.isContent,
      stalled: tile.poorConnection || tile.paused,
    };
    const before = this.#tiles.get(tile.tileId);
    if (before && before.owner === owner && before.stalled === next.stalled && before.screen === next.screen) return;
    this.#tiles.set(tile.tileId, next);
    this.#publish();
  }

  #drop(tile: number): void {
    if (this.#tiles.delete(tile)) this.#publish();
  }

  #publish(): void {
    const all = [...this.#tiles.values()];
    this.update({
      cameras: Object.fromEntries(all.filter((p) => !p.screen).map((p) => [p.owner, p])),
      screens: all.filter((p) => p.screen),
    });
  }
}
