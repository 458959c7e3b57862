"""Full responses of a server: recorded ones, and those of a simulated server to hand-written queries.

Here: the queries, and cutting them to what a release has. Not here: what the answers mean (oracle).
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from graphql import (
    REMOVE,
    ArgumentNode,
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    parse,
    print_ast,
    visit,
)

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.mirror.oracle import Answers, Json
from stash_pipeline_tests.recordings import recorded_json

_FILE = """
  id path basename parent_folder_id zip_file_id parent_folder { id } zip_file { id } mod_time size
  fingerprints { type value } created_at updated_at
"""
_IMAGE_FILE = f"{_FILE} format width height"
_VIDEO_FILE = f"{_IMAGE_FILE} duration video_codec audio_codec frame_rate bit_rate"
_FOLDER = """
  id path parent_folder_id zip_file_id parent_folder { id } zip_file { id } mod_time created_at updated_at
"""
_STASH_IDS = "stash_ids { endpoint stash_id updated_at }"

_GROUP = """
  id name aliases duration date rating100 studio { id } director synopsis url urls tags { id }
  created_at updated_at sub_groups { group { id } description }
  containing_groups { group { id } description } front_image_path back_image_path custom_fields
  scenes { id } scene_count performer_count sub_group_count o_counter
"""

# kind -> (query field, its list, the kind's selection), newest spelling first
QUERIES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "tags": ((
        "findTags", "tags",
        f"""id name sort_name description aliases ignore_auto_tag created_at updated_at favorite {_STASH_IDS}
        image_path parents {{ id }} children {{ id }} custom_fields scene_count scene_marker_count image_count
        gallery_count performer_count studio_count group_count movie_count""",
    ),),
    "studios": ((
        "findStudios", "studios",
        f"""id name url urls parent_studio {{ id }} child_studios {{ id }} aliases tags {{ id }} ignore_auto_tag
        image_path {_STASH_IDS} rating100 favorite organized details created_at updated_at groups {{ id }}
        custom_fields o_counter scene_count image_count gallery_count group_count movie_count""",
    ),),
    "performers": ((
        "findPerformers", "performers",
        f"""id name disambiguation url urls gender twitter instagram birthdate ethnicity country eye_color
        height_cm measurements fake_tits penis_length circumcised career_length career_start career_end tattoos
        piercings alias_list favorite tags {{ id }} ignore_auto_tag image_path scenes {{ id }} {_STASH_IDS}
        rating100 details death_date hair_color weight created_at updated_at groups {{ id }} custom_fields
        o_counter scene_count image_count gallery_count group_count movie_count""",
    ),),
    "groups": (("findGroups", "groups", _GROUP), ("findMovies", "movies", _GROUP)),
    "images": ((
        "findImages", "images",
        f"""id title code rating100 url urls date details photographer o_counter organized created_at updated_at
        files {{ {_IMAGE_FILE} }}
        visual_files {{ __typename ... on VideoFile {{ {_VIDEO_FILE} }} ... on ImageFile {{ {_IMAGE_FILE} }} }}
        paths {{ thumbnail preview image }} galleries {{ id }} studio {{ id }} tags {{ id }} performers {{ id }}
        custom_fields""",
    ),),
    "galleries": ((
        "findGalleries", "galleries",
        f"""id title code url urls date details photographer rating100 organized created_at updated_at
        files {{ {_FILE} }} folder {{ {_FOLDER} }} chapters {{ id title image_index created_at updated_at }}
        scenes {{ id }} studio {{ id }} tags {{ id }} performers {{ id }} cover {{ id }}
        paths {{ cover preview }} custom_fields image_count""",
    ),),
    "scenes": ((
        "findScenes", "scenes",
        f"""id title code details director url urls date rating100 organized o_counter interactive
        interactive_speed captions {{ language_code caption_type }} created_at updated_at last_played_at
        resume_time play_duration play_count play_history o_history files {{ {_VIDEO_FILE} }}
        paths {{ screenshot preview webp vtt sprite funscript interactive_heatmap caption }}
        scene_markers {{ id }} galleries {{ id }} studio {{ id }} groups {{ group {{ id }} scene_index }}
        movies {{ movie {{ id }} scene_index }} tags {{ id }} performers {{ id }} {_STASH_IDS} custom_fields""",
    ),),
    "scene_markers": ((
        "findSceneMarkers", "scene_markers",
        """id scene { id } title seconds end_seconds primary_tag { id } tags { id } created_at updated_at
        preview screenshot""",
    ),),
    "folders": (("findFolders", "folders", _FOLDER),),
    "files": ((
        "findFiles", "files",
        f"""__typename ... on VideoFile {{ {_VIDEO_FILE} }} ... on ImageFile {{ {_IMAGE_FILE} }}
        ... on GalleryFile {{ {_FILE} }} ... on BasicFile {{ {_FILE} }}""",
    ),),
}  # fmt: skip

_WHOLE = {
    "saved_filters": """{ findSavedFilters {
        id mode name filter find_filter { q page per_page sort direction } object_filter ui_options } }""",
    "configuration": """{ configuration { general {
        databasePath generatedPath stashes { path excludeVideo excludeImage } stashBoxes { name endpoint } }
        interface { language } } }""",
}


class _Cutter(Visitor):
    """Removes fields that a schema does not have."""

    def __init__(self, info: TypeInfo, schema: GraphQLSchema) -> None:
        super().__init__()
        self.info = info
        self.schema = schema

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        parent = self.info.get_parent_type()
        name = node.name.value
        if name == "__typename" or not hasattr(parent, "fields"):
            return None
        assert parent is not None
        if name not in parent.fields:
            return REMOVE
        # `files` of an image fails on video clips as soon as there is `visual_files`
        if parent.name == "Image" and name == "files" and "visual_files" in parent.fields:
            return REMOVE
        return None

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
        assert node.type_condition is not None
        return None if node.type_condition.name.value in self.schema.type_map else REMOVE

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        return None


@cache
def cut(query: str, schema: GraphQLSchema) -> str:
    """The part of a query that a schema supports."""
    info = TypeInfo(schema)
    return print_ast(visit(parse(query), TypeInfoVisitor(info, _Cutter(info, schema))))


def simulated_answers(stash: SimulatedStash, base_url: str = "http://localhost:9999") -> Answers:
    """Everything that a simulated server returns about its library."""
    schema = stash.engine.schema
    query_type = schema.query_type
    assert isinstance(query_type, GraphQLObjectType)
    objects: dict[str, list[Json]] = {}
    for kind, spellings in QUERIES.items():
        for field, result, selection in spellings:
            if field in query_type.fields:
                objects[kind] = _listed(stash, field, result, selection, base_url)
                break
    for kind, query in _WHOLE.items():
        (found,) = _data(stash, cut(query, schema), base_url).values()
        objects[kind] = found if isinstance(found, list) else [found]
    return Answers(objects)


def _listed(stash: SimulatedStash, field: str, result: str, selection: str, base_url: str) -> list[Json]:
    """All objects of an entity; a time that was never set, which cannot be sent, is null."""

    def asked(arguments: str, selection: str) -> Json:
        query = f"{{ {field}({arguments}) {{ {result} {{ {selection} }} }} }}"
        return stash.execute(cut(query, stash.engine.schema), base_url=base_url)

    everything = 'filter: {per_page: -1, sort: "id"}'
    answer = asked(everything, selection)
    if errors := answer.get("errors"):
        refused = {error["path"][2] for error in errors}
        if all(error["path"][3] == "chapters" and error["path"][5:] == ["created_at"] for error in errors):
            return _galleries_with_known_chapters(stash, asked(everything, _without_creation(selection)))
        assert all(error["path"][3:] == ["mod_time"] for error in errors), errors
        answer = asked(everything, selection.replace("mod_time", ""))
        for index, one in enumerate(answer["data"][field][result]):
            one["mod_time"] = None
            if index not in refused:
                told = asked(f"ids: [{one['id']}]", "mod_time")
                one["mod_time"] = told["data"][field][result][0]["mod_time"]
    found: list[Json] = answer["data"][field][result]
    return found


_CHAPTERS = re.compile(r"(chapters \{[^}]*)created_at")


def _without_creation(selection: str) -> str:
    return _CHAPTERS.sub(r"\1", selection)


def _galleries_with_known_chapters(stash: SimulatedStash, answer: Json) -> list[Json]:
    """Of a gallery with a chapter of which nobody knows when it was created, nothing can be asked about that."""
    found: list[Json] = answer["data"]["findGalleries"]["galleries"]
    for gallery in found:
        told = stash.execute(f"{{ findGallery(id: {gallery['id']}) {{ chapters {{ id created_at }} }} }}")
        known = (
            {} if told.get("errors") else {c["id"]: c["created_at"] for c in told["data"]["findGallery"]["chapters"]}
        )
        for chapter in gallery["chapters"]:
            chapter["created_at"] = known.get(chapter["id"])
    return found


def _data(stash: SimulatedStash, query: str, base_url: str) -> Json:
    answer = stash.execute(query, base_url=base_url)
    assert not answer.get("errors"), answer["errors"]
    data: Json = answer["data"]
    return data


# --- recordings -----------------------------------------------------------------------------------------


def recorded(release: str) -> dict[str, Any]:
    """What a real server of that release returned, per query."""
    return recorded_json(release, "answers")


def recorded_introspection(release: str) -> dict[str, Any]:
    """The introspection of a real server of that release."""
    return recorded_json(release, "introspection")


def recorded_objects(release: str, field: str, result: str) -> list[Json]:
    """The objects in the response to one recorded query."""
    found = recorded(release)[field]["response"]["data"][field]
    if result:
        found = found[result]
    return found if isinstance(found, list) else [found]


def recorded_answers(release: str) -> Answers:
    """Everything that a real server of that release returned."""
    objects: dict[str, list[Json]] = {}
    asked: Iterable[str] = recorded(release).keys()
    for kind, spellings in QUERIES.items():
        for field, result, _ in spellings:
            if field in asked:
                objects[kind] = recorded_objects(release, field, result)
                break
    objects["saved_filters"] = recorded_objects(release, "findSavedFilters", "")
    objects["configuration"] = recorded_objects(release, "configuration", "")
    return Answers(objects)
