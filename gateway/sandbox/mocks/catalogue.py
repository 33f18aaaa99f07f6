"""The concepts that the synthetic population uses: SNOMED CT (problems, products, substances), LOINC."""

from gateway.sandbox.mocks.facts import Coded


def _sct(code: str, display: str) -> Coded:
    return Coded(code, display, "sct")


def _loinc(code: str, display: str) -> Coded:
    return Coded(code, display, "loinc")


HYPERTENSION = _sct("59621000", "Essential hypertension")
DIABETES = _sct("44054006", "Diabetes mellitus type 2")
ASTHMA = _sct("195967001", "Asthma")
FIBRILLATION = _sct("49436004", "Atrial fibrillation")
PNEUMONIA = _sct("233604007", "Pneumonia")
MIGRAINE = _sct("37796009", "Migraine")
GOUT = _sct("90560007", "Gout")
DEPRESSION = _sct("35489007", "Depressive disorder")
RECURRENT_DEPRESSION = _sct("66344007", "Recurrent major depression")
SCHIZOPHRENIA = _sct("58214004", "Schizophrenia")

PENICILLIN = _sct("764146007", "Penicillin")
LATEX = _sct("111088007", "Latex")
ASPIRIN = _sct("319775004", "Aspirin 75mg tablets")
NO_KNOWN_ALLERGY = _sct("716186003", "No known allergy")
ANAPHYLAXIS = _sct("39579001", "Anaphylaxis")
URTICARIA = _sct("126485001", "Urticaria")
VOMITING = _sct("422400008", "Vomiting")

AMLODIPINE = _sct("319284000", "Amlodipine 10mg tablets")
RAMIPRIL = _sct("318906001", "Ramipril 10mg capsules")
CITALOPRAM = _sct("321987003", "Citalopram 20mg tablets")
ZOPICLONE = _sct("321177003", "Zopiclone 3.75mg tablets")
ALLOPURINOL = _sct("330062008", "Allopurinol 300mg tablets")
OMEPRAZOLE = _sct("317291008", "Omeprazole 20mg gastro-resistant capsules")
PARACETAMOL = _sct("322236009", "Paracetamol 500mg tablets")

INFLUENZA_VACCINE = _sct("86198006", "Influenza vaccination")
PNEUMOCOCCAL_VACCINE = _sct("12866006", "Pneumococcal vaccination")

ELECTROLYTES = _loinc("24326-1", "Electrolytes 1998 panel - Serum or Plasma")
SODIUM = _loinc("2951-2", "Sodium [Moles/volume] in Serum or Plasma")
POTASSIUM = _loinc("2823-3", "Potassium [Moles/volume] in Serum or Plasma")
CREATININE = _loinc("14682-9", "Creatinine [Moles/volume] in Serum or Plasma")
BLOOD_COUNT = _loinc("58410-2", "CBC panel - Blood by Automated count")
HAEMOGLOBIN = _loinc("718-7", "Hemoglobin [Mass/volume] in Blood")
LEUKOCYTES = _loinc("6690-2", "Leukocytes [#/volume] in Blood by Automated count")
PLATELETS = _loinc("777-3", "Platelets [#/volume] in Blood by Automated count")
HBA1C = _loinc("59261-8", "Hemoglobin A1c/Hemoglobin.total in Blood by IFCC protocol")
CRP = _loinc("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma")
TSH = _loinc("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma")
WEIGHT = _loinc("29463-7", "Body weight")
HEART_RATE = _loinc("8867-4", "Heart rate")
VITAL_SIGNS = _loinc("85353-1", "Vital signs panel")
PHQ9_PANEL = _loinc("44249-1", "PHQ-9 quick depression assessment panel")
PHQ9 = _loinc("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score")
GAD7 = _loinc("70274-6", "Generalized anxiety disorder 7 item (GAD-7) total score")

SUMMARY_NOTE = _loinc("34133-9", "Summarization of Episode Note")
CONSULT_NOTE = _loinc("11488-4", "Consult note")
PSYCHIATRY_NOTE = _loinc("34788-0", "Psychiatry Consult note")
