import { Link } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import { asSize, t } from "../i18n";
import { usePlatform } from "../platform/context";
import { Icon } from "../ui/Icon";
import { byInterest, isUnfinished, type Upload } from "./uploads";

const SHOWN = 100;

/** What is being added, each with its own progress and fate. */
export function UploadTray() {
  const { uploads: queue } = usePlatform();
  const { uploads, paused } = useSyncExternalStore(queue.subscribe, queue.snapshot);
  if (uploads.length === 0) return null;
  const unfinished = uploads.filter(isUnfinished).length;
  const failed = uploads.filter(({ state }) => state === "failed").length;
  const overall = uploads.reduce((sum, each) => sum + (isUnfinished(each) ? each.progress : 1), 0) / uploads.length;
  return (
    <section
      aria-label={t("upload.addPictures")}
      className="fixed right-4 bottom-20 left-4 z-20 rounded-3xl border border-line bg-card p-4 shadow-lift sm:bottom-4 sm:left-auto sm:w-96"
    >
      <div className="flex flex-wrap items-center justify-between gap-x-2">
        <h2 className="font-bold">
          {unfinished === 0
            ? t("upload.finished")
            : t(paused ? "upload.paused" : "upload.title", { count: unfinished })}
        </h2>
        <div className="-mx-2.5 flex flex-wrap">
          {unfinished > 0 && (
            <button
              type="button"
              className="button button-quiet button-small"
              onClick={() => (paused ? queue.unpause() : queue.pause())}
            >
              <Icon name={paused ? "play" : "pause"} size={16} />
              {t(paused ? "upload.resume" : "upload.pause")}
            </button>
          )}
          {failed > 1 && (
            <button type="button" className="button button-quiet button-small" onClick={() => queue.retryAll()}>
              {t("upload.retryAll")}
            </button>
          )}
          {unfinished < uploads.length && (
            <button
              type="button"
              className="button button-quiet button-small"
              onClick={() => void queue.clearFinished()}
            >
              {t("upload.clear")}
            </button>
          )}
        </div>
      </div>
      <progress className="meter my-2" max={1} value={overall} aria-label={t("upload.overall")} />
      <ul className="max-h-64 overflow-y-auto max-sm:max-h-44">
        {byInterest(uploads)
          .slice(0, SHOWN)
          .map((upload) => (
            <Row key={upload.id} upload={upload} />
          ))}
        {uploads.length > SHOWN && (
          <li className="py-1.5 text-sm text-soft">{t("upload.more", { count: uploads.length - SHOWN })}</li>
        )}
      </ul>
    </section>
  );
}

function Row({ upload }: { upload: Upload }) {
  const { uploads: queue } = usePlatform();
  return (
    <li className="flex items-center gap-2 py-1.5 text-sm">
      <div className="min-w-0 grow">
        <p className="truncate">{upload.name}</p>
        <p className={upload.state === "failed" ? "text-danger" : "text-soft"}>{words(upload)}</p>
        {upload.state === "sending" && (
          <progress
            className="meter h-1"
            max={1}
            value={upload.progress}
            aria-label={t("upload.progress", { name: upload.name })}
          />
        )}
      </div>
      {upload.state === "failed" && queue.canRetry(upload.id) && (
        <button type="button" className="button button-small" onClick={() => queue.retry(upload.id)}>
          {t("upload.retry")}
        </button>
      )}
      {upload.state === "duplicate" && upload.itemId && (
        <Link to="/items/$itemId" params={{ itemId: upload.itemId }} className="button button-small">
          {t("upload.showIt")}
        </Link>
      )}
      {upload.state !== "done" && (
        <button
          type="button"
          className="icon-button size-8 shrink-0"
          aria-label={`${t("upload.remove")}: ${upload.name}`}
          onClick={() => void queue.remove(upload.id)}
        >
          <Icon name="close" size={16} />
        </button>
      )}
    </li>
  );
}

function words(upload: Upload): string {
  switch (upload.state) {
    case "waiting":
      return `${t("upload.waiting")} · ${asSize(upload.size)}`;
    case "hashing":
      return t("upload.hashing");
    case "sending":
      return t("upload.sending");
    case "done":
      return t("upload.done");
    default:
      return upload.message ?? "";
  }
}
