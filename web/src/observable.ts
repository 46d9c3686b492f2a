import { useSyncExternalStore } from 'react';

// Observable is a value that changes over time and tells who listens. The parts
// of a meeting are Observables, so that they know nothing of what shows them.
export class Observable<S extends object> {
  #state: S;
  readonly #listeners = new Set<() => void>();

  constructor(initial: S) {
    this.#state = initial;
  }

  get state(): S {
    return this.#state;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  protected update(patch: Partial<S>): void {
    this.#state = { ...this.#state, ...patch };
    for (const listener of this.#listeners) listener();
  }
}

// useObservable renders its component again whenever the value changes.
export function useObservable<S extends object>(observable: Observable<S>): S {
  return useSyncExternalStore(observable.subscribe, () => observable.state);
}
