"""The two raw forms that hold a study's genotypes, alike in every study: text for its sources file and rows for its
mapping document. `python -m harmonize.genotypes.contract KEY [KEY …]` prints both for a study with these keys."""

from __future__ import annotations

import sys

from analysis.genetics import COMPONENTS

_FORMAT = "{kind: delimited, delimiter: tab, encoding: utf-8, header_rows: [1]}"
_KEY = "Person, by the study's own key."
CALL_COLUMNS = {
    "genetic_id": "Id of the sample in the file of genotypes.",
    "set_id": "Set of genotypes that was landed.",
    "variant_id": "Variant, rsID or chromosome:position:ref:alt; of a diplotype the gene.",
    "assay": "Array, sequencing run or imputation panel.",
    "effect_allele": "Allele that dosage counts; blank of a diplotype.",
    "other_allele": "The other allele.",
    "dosage": "Copies of the effect allele; FAILED where the call failed, NA of a diplotype.",
    "genotype": "Alleles as called, or the diplotype.",
    "build": "Genome build.",
    "imputation_r2": "Imputation quality.",
    "call": "called or failed.",
}
PERSON_COLUMNS = {
    "genetic_id": "Id of the sample in the file of genotypes.",
    "set_id": "Set of genotypes that was landed.",
    "matrix_row": "Row of the person in the matrix, from 0.",
    "array_name": "Array or panel.",
    "batch": "Batch in which the sample was typed.",
    "build": "Genome build.",
    "strand": "Strand of the alleles.",
    "sex_reported": "Sex by the key file or the file of genotypes.",
    "sex_genetic": "Sex by the X chromosome; blank where it does not tell.",
    "x_f": "Inbreeding coefficient on the X chromosome.",
    "call_rate": "Share of variants called.",
    "heterozygosity": "Share of heterozygous calls on autosomes.",
    "kinship_max": "Highest KING-robust kinship with another sample of the set.",
    "related_group": "Number of the family within the set; blank for who is related to nobody.",
    "exclusion": "Rule of quality control that excludes the sample: call_rate, sex_mismatch, duplicate_sample.",
    **{f"pc{n}": f"Component of ancestry {n}." for n in range(1, COMPONENTS + 1)},
}
REQUIRED = {"genotype_calls": ("variant_id", "assay", "call"), "genotype_persons": ("set_id", "matrix_row")}
BLOCK = "genotype_calls,genotypes,genotype_calls,,,identical,variants asked for of the landed sets of genotypes"
MAPPING = """\
genotype_calls,variant_id,copy,variant_id,complete,,
genotype_calls,assay,copy,assay,complete,,
genotype_calls,effect_allele,copy,effect_allele,complete,,
genotype_calls,other_allele,copy,other_allele,complete,,
genotype_calls,dosage,copy,dosage,complete,,
genotype_calls,genotype,copy,genotype,complete,,
genotype_calls,build,copy,build,complete,,
genotype_calls,imputation_r2,copy,imputation_r2,complete,,
genotype_calls,call,copy,call,complete,,
"""


def forms_yaml(keys: tuple[str, ...]) -> str:
    """The two forms as they stand under `tables:` of a sources file."""
    calls = _form("genotype_calls", "Calls of variants asked for, by trd genotypes land.", keys, CALL_COLUMNS)
    return calls + _form(
        "genotype_persons", "Samples, with quality control, by trd genotypes land.", keys, PERSON_COLUMNS
    )


def _form(name: str, description: str, keys: tuple[str, ...], columns: dict[str, str]) -> str:
    lines = [
        f"      - name: {name}",
        f'        description: "{description}"',
        "        config:",
        "          meta:",
        f"            files: ['{name}.tsv']",
        f"            format: {_FORMAT}",
        "        columns:",
    ]
    for key in keys:
        lines += [f"          - name: {key}", f'            description: "{_KEY}"']
        lines += ["            config: {meta: {required: true}}"]
    for column, said in columns.items():
        lines += [f"          - name: {column}", f'            description: "{said}"']
        meta = "required: true" if column in REQUIRED[name] else ""
        if column == "dosage":
            meta = "missing: {'FAILED': unknown, 'NA': not_applicable}"
        if meta:
            lines.append(f"            config: {{meta: {{{meta}}}}}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(forms_yaml(tuple(sys.argv[1:])))
    print(BLOCK)
    print(MAPPING)
