// One question: photos of one fruit on their way to an answer. A newer question, or Back, ends it.
import { MOST_PHOTOS, prepare } from "/web/photo.js";
import { Trouble, identify } from "/web/identify.js";

export class Question {
  #stop = new AbortController();
  #photos;
  stage = "preparing";
  share = 0;

  /** `earlier`: the photos of a question before it, of the same fruit. */
  constructor(earlier = null) {
    this.#photos = earlier ? earlier.#photos : [];
  }

  /** Small pictures of the photos; null for those that this browser cannot show. */
  get pictures() {
    return this.#photos.map(({ thumbnail }) => thumbnail);
  }

  get canGrow() {
    return this.#photos.length > 0 && this.#photos.length < MOST_PHOTOS;
  }

  get over() {
    return this.#stop.signal.aborted;
  }

  end() {
    this.#stop.abort();
  }

  /** Add files, made small. Throws a Trouble where they are too many. */
  async add(files) {
    if (this.#photos.length + files.length > MOST_PHOTOS) throw new Trouble("tooMany");
    this.#photos = [...this.#photos, ...await Promise.all(files.map(prepare))];
  }

  /** Send the photos; `onProgress` is called whenever `stage` or `share` changed. Resolves to the answer. */
  ask(onProgress) {
    const progress = (stage, share) => {
      Object.assign(this, { stage, share });
      onProgress();
    };
    if (!navigator.onLine) return Promise.reject(new Trouble("offline"));
    progress("sending", 0);
    const onSent = (share) => progress(share < 1 ? "sending" : "looking", share);
    return identify(this.#photos.map(({ blob }) => blob), { onSent, signal: this.#stop.signal });
  }
}
