import { Observable } from '../observable';

export interface Notice {
  id: number;
  text: string;
  tone: 'news' | 'bad';
}

const shownFor = { news: 5_000, bad: 9_000 }; // ms

// Notices are short messages that go away by themselves.
export class Notices extends Observable<{ list: Notice[] }> {
  #next = 1;

  constructor() {
    super({ list: [] });
  }

  add(text: string, tone: Notice['tone'] = 'news'): void {
    const notice = { id: this.#next++, text, tone };
    const others = this.state.list.filter((n) => n.text !== text);
    this.update({ list: [...others.slice(-2), notice] });
    setTimeout(() => this.dismiss(notice.id), shownFor[tone]);
  }

  dismiss(id: number): void {
    this.update({ list: this.state.list.filter((n) => n.id !== id) });
  }
}
