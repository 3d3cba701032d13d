import { useEffect, useRef, useState } from "react";
import { t } from "../i18n";
import { usePlatform } from "../platform/context";
import { tellProblem } from "../ui/toasts";
import { Icon } from "../ui/Icon";
import { ACCEPT } from "./files";

function useAdd(): (files: Iterable<File>) => void {
  const { uploads } = usePlatform();
  return (files) => void uploads.add(files).catch(tellProblem);
}

/** Opens the file picker; on phones that offers the camera too. */
export function AddButton({ className = "button button-primary" }: { className?: string }) {
  const add = useAdd();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className={className} data-add onClick={() => input.current?.click()}>
        <Icon name="plus" />
        <span>{t("upload.add")}</span>
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={ACCEPT}
        aria-label={t("upload.files")}
        onChange={(event) => {
          add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}

/** Straight to the camera, where there is one. */
export function CameraButton() {
  const add = useAdd();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        className="icon-button sm:hidden"
        aria-label={t("upload.camera")}
        onClick={() => input.current?.click()}
      >
        <Icon name="camera" />
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept="image/*"
        capture="environment"
        aria-label={t("upload.camera")}
        onChange={(event) => {
          add([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}

/** Files dropped anywhere, and pictures pasted outside of text fields. */
export function DropAndPaste() {
  const add = useAdd();
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    const on = { signal: stop.signal };
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    window.addEventListener(
      "dragover",
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(true);
      },
      on,
    );
    window.addEventListener("dragleave", (event) => event.relatedTarget === null && setOver(false), on);
    window.addEventListener(
      "drop",
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(false);
        add([...(event.dataTransfer?.files ?? [])]);
      },
      on,
    );
    window.addEventListener(
      "paste",
      (event) => {
        const files = [...(event.clipboardData?.files ?? [])];
        if (files.length > 0) add(files);
      },
      on,
    );
    return () => stop.abort();
  });
  if (!isOver) return null;
  return (
    <div className="pointer-events-none fixed inset-3 z-40 grid place-items-center rounded-3xl border-4 border-dashed border-accent bg-tint/90 text-2xl font-bold">
      {t("upload.drop")}
    </div>
  );
}
