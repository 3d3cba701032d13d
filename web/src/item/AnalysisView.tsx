import { asDay, asSize, t } from "../i18n";
import type { Analysis, Item } from "../platform/api";
import { toast } from "../ui/toasts";
import { Icon } from "../ui/Icon";

/** What of an analysis this page shows; all of it is text that came out of a picture. */
interface Details {
  extracted_text?: string[];
  objects?: string[];
  colors?: string[];
  likely_source?: string;
}

export function AnalysisView({ item, analysis }: { item: Item; analysis: Analysis }) {
  const details = (analysis.raw_response["image_details"] ?? {}) as Details;
  const text = (details.extracted_text ?? []).join("\n");
  const copy = () => void navigator.clipboard.writeText(text).then(() => toast(t("common.copied")));
  return (
    <section className="flex flex-col gap-5">
      <div>
        <h2 className="mb-1 text-sm text-soft">{t("item.summary")}</h2>
        <p>{analysis.summary}</p>
      </div>
      <div>
        <div className="mb-1 flex items-center justify-between">
          <h2 className="text-sm text-soft">{t("item.text")}</h2>
          {text && (
            <button type="button" className="button button-quiet button-small" onClick={copy}>
              <Icon name="copy" size={16} />
              {t("common.copy")}
            </button>
          )}
        </div>
        {text ? (
          <p
            className="max-h-80 overflow-y-auto rounded-2xl bg-sunk p-4 text-sm whitespace-pre-line select-text"
            tabIndex={0}
          >
            {text}
          </p>
        ) : (
          <p className="text-soft">{t("item.noText")}</p>
        )}
      </div>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 text-sm">
        <Fact name={t("item.objects")} value={details.objects?.join(", ")} />
        <Fact name={t("item.colors")} value={details.colors?.join(", ")} />
        <Fact name={t("item.source")} value={details.likely_source} />
        <Fact name={t("item.taken")} value={item.taken_at && asDay(item.taken_at)} />
        <Fact name={t("item.added")} value={asDay(item.created_at)} />
        <Fact name={t("item.file")} value={item.original_filename} />
        <Fact name={t("item.size")} value={`${item.width} × ${item.height} · ${asSize(item.file_size)}`} />
        <Fact name={t("item.readBy")} value={`${analysis.provider_used} · ${analysis.model_used}`} />
      </dl>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string | null | undefined }) {
  if (!value) return null;
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd className="min-w-0">{value}</dd>
    </>
  );
}
